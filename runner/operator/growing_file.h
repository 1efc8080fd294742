// A file that grows by a batch at a time, in parts where it rolls. A batch that fails leaves nothing in it, and a new
// file appears with its first batch.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runner/base/strong_id.h"
#include "runner/operator/appended_file.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/file_marks.h"
#include "runner/operator/file_rules.h"
#include "runner/operator/output_folder.h"
#include "runner/operator/temporary_file.h"

namespace streamrun {

// One thread at a time. A copy keeps how it was.
class GrowingFile {
 public:
  using PlaceOf = PlaceOfPart;

  // One batch's way into the parts.
  class Writing;

  // `rows`: framed where the rules roll by size; null: none, but the file is made. After a failure `changes` are to be
  // undone, and this object is of no more use than the copy that was taken before.
  Result<> append(const FileRules& rules, BatchTime batch, const PlaceOf& place_of, const ByteSpool* rows,
                  FileChanges& changes, FileAnnouncements& announcements);
  // There are no rows for it so far: what an earlier run left, and this one is to replace, goes.
  Result<> remove_former(const PlaceOf& place_of);

  // As a former run left it, which this one goes on with.
  static GrowingFile go_on(const GrownFileMark& mark);
  // None: there is nothing of it.
  Result<std::optional<GrownFileMark>> mark(const PlaceOf& place_of) const;
  // Nothing of it was written, nor is known of a former run.
  bool is_new() const { return !ours_; }

 private:
  std::uint32_t part_ = 0;
  std::uint64_t length_ = 0;  // of the part
  BatchTime since_;           // batch that began the part
  bool met_ = false;          // by this run: what was there already has been dealt with
  bool ours_ = false;         // the part, too
  FileNumber number_;         // of the part, once it is; none: a former run's, of the length that is known
};

// `file` changes with what is written, and is of no more use after a failure; all that is given outlives this. Goes
// away open only where nobody can be told whether that went well.
class GrowingFile::Writing {
 public:
  Writing(GrowingFile& file, const FileRules& rules, BatchTime batch, const PlaceOf& place_of, FileChanges& changes,
          FileAnnouncements& announcements)
      : file_(file),
        rules_(rules),
        batch_(batch),
        place_of_(place_of),
        changes_(changes),
        announcements_(announcements) {}
  ~Writing();

  // First of all.
  Result<> open();
  // Whole rows; one at a time where the rules roll by size.
  Result<> add(std::string_view bytes);
  // It is on the disk, and seen.
  Result<> close();
  // Leaves nothing of what is not closed; an error is fatal: something stays.
  Result<> cancel();

 private:
  bool must_roll() const;
  void next_part();
  Result<FilePlace> find();
  Result<> finish_fresh();
  std::uint64_t size() const { return fresh_ ? fresh_->size() : grown_->size(); }

  GrowingFile& file_;
  const FileRules& rules_;
  BatchTime batch_;
  const PlaceOf& place_of_;
  FileChanges& changes_;
  FileAnnouncements& announcements_;
  std::optional<FilePlace> place_;      // of the part at hand
  std::optional<TemporaryFile> fresh_;  // it is new, or takes an old one's place
  std::optional<AppendedFile> grown_;   // it is there
  bool has_rows_ = false;               // of the part
  bool replaces_parts_ = false;         // of an earlier run: those behind the last of this batch go
};

}  // namespace streamrun
