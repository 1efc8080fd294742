// A file that appears whole or not at all: written under another name, renamed at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "runner/operator/file_rules.h"
#include "runner/operator/file_writer.h"
#include "runner/operator/output_folder.h"

namespace streamrun {

// One thread. What fails may be called again, unless the error is fatal.
class TemporaryFile {
 public:
  // `exists`: what becomes of a file that is there already. `again`: a former run may have published the same bytes,
  // and that is no other's file.
  TemporaryFile(const FileRules& rules, Exists exists, FilePlace place, bool again = false);

  Result<> add(std::string_view bytes);
  // Frees the descriptor and the buffers; what comes then opens it again.
  Result<> rest() { return writer_.is_open() ? writer_.rest() : Result<>{}; }
  bool is_open() const { return writer_.is_open(); }
  std::uint64_t size() const { return writer_.size(); }

  // Its last byte is on the disk.
  Result<> complete();
  // It is seen. The folder's sync is the caller's.
  Result<> rename();
  // Leaves nothing behind: of what has been seen, what nobody had under that name before.
  void discard();
  const FilePlace& place() const { return place_; }

 private:
  Result<> open();
  Result<> begin();
  Result<> fill(OutputFolder& folder, bool there);
  // What is there has other bytes.
  Result<> check_same(const OutputFolder& folder) const;

  const FileRules& rules_;
  Exists exists_;
  bool again_;
  FilePlace place_;
  std::string name_;  // while nobody sees it; empty: it is not begun
  FileWriter writer_;
  bool new_ = false;  // there was no file of that name
  bool complete_ = false;
  bool renamed_ = false;
};

// Removes what killed runs have left of theirs in a folder.
void remove_abandoned(const OutputFolder& folder, const TemporaryNames& names);

// Removes part `first` of an earlier run, and those behind it: parts of two runs must not stand side by side.
using PlaceOfPart = std::function<FilePlace(std::uint32_t part)>;
Result<> remove_parts(const PlaceOfPart& place_of, std::uint32_t first);

// What a former run has published of a batch that comes again is not what it has now.
std::unexpected<Error> other_failure(const FilePlace& place);

// A file is there, and `rules` do not let it be replaced.
std::unexpected<Error> exists_failure(const FilePlace& place, const FileRules& rules);

}  // namespace streamrun
