// What stands at the end of a file that rows are to go behind: a run that was killed may have left half a row there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runner/base/result.h"
#include "runner/operator/file_rules.h"

namespace streamrun {

struct FileEnd {
  std::uint64_t whole = 0;  // bytes up to here are whole rows, or whole compressed members
  bool open_line = false;   // the last line has no end
};

// `file`: open for reading, of `size` bytes. `ours`: from there on it holds what a run of ours wrote, beginning with a
// row or a member: what is torn may be cut off. Otherwise that is an error which says how to; and so is a file that is
// compressed in another way than `rules` say.
Result<FileEnd> inspect_end(const FileRules& rules, int file, std::uint64_t size, const std::string& path,
                            std::optional<std::uint64_t> ours);

}  // namespace streamrun
