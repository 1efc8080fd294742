// A file that grows by a batch at a time, in parts where it rolls. A batch is in it whole or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "runner/base/strong_id.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/file_rules.h"
#include "runner/operator/file_writer.h"
#include "runner/operator/output_folder.h"

namespace streamrun {

// How files were before a batch that may yet fail.
class FileChanges {
 public:
  void made(FilePlace place) { changes_.push_back({std::move(place), std::nullopt}); }
  void grown(FilePlace place, std::uint64_t before) { changes_.push_back({std::move(place), before}); }
  // As far as the disk allows.
  void undo();

 private:
  struct Change {
    FilePlace place;
    std::optional<std::uint64_t> before;
  };
  std::vector<Change> changes_;
};

// One thread at a time. A copy keeps how it was.
class GrowingFile {
 public:
  using PlaceOf = std::function<Result<FilePlace>(std::uint32_t part)>;

  // `rows`: framed where the rules roll by size; null: none, but the file is made. After a failure `changes` are
  // undone and this object is of no more use than the copy that was taken before.
  Result<> append(const FileRules& rules, BatchTime batch, const PlaceOf& place_of, const ByteSpool* rows,
                  FileChanges& changes);

 private:
  class Writing;

  std::uint32_t part_ = 0;
  std::uint64_t length_ = 0;  // of the part
  BatchTime since_;           // batch that began the part
  bool met_ = false;          // by this run: what was there already has been dealt with
  bool ours_ = false;         // the part, too
};

}  // namespace streamrun
