// Where files are read on from, and what tells one from another file that has taken its name.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/operator/input_file.h"

namespace streamrun {

struct FileCursor {
  struct Begin {
    std::uint64_t offset = 0;
    std::uint64_t line = 1;
    friend bool operator==(const Begin&, const Begin&) = default;
  };

  std::string path;
  FileId id;
  std::uint64_t born_ns = 0;  // when its inode was made; 0: not asked for, or its file system does not tell
  std::uint64_t offset = 0;   // up to which it was read, in bytes of what it holds; kToEnd: all of a compressed file
  std::uint64_t line = 1;     // number of the next record; 0: not counted
  bool done = false;          // it was read to its end, and is not expected to grow
  std::uint64_t known = 0;    // so many of its bytes are known by `hash`
  std::uint64_t hash = 0;
  // It was renamed, and nothing has taken its former name yet: it may still grow.
  std::string renamed_from;
  // Where the range that ends here begins, if not where the file was known to stand: it was cut, or is a copy.
  std::optional<Begin> begin;

  // But for where the range began.
  bool same_place(const FileCursor& other) const;
};

// JSON, for a log.
std::string to_text(const std::vector<FileCursor>& places);
Result<std::vector<FileCursor>> to_file_cursors(const std::string& text);

// What `place` knows of its file, in `file`: another one may be under its name, or what was read may be gone.
enum class Changed : std::uint8_t { no, other, cut, rewritten };
Result<Changed> compare(const InputFile& file, const FileCursor& place);

// Up to `offset`, of a file that may grow on.
Result<> remember(const InputFile& file, std::uint64_t offset, FileCursor& place);

}  // namespace streamrun
