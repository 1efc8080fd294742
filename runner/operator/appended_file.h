// A file that gets rows behind its last: all of a batch, or none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/operator/file_rules.h"
#include "runner/operator/file_writer.h"
#include "runner/operator/output_folder.h"
#include "runner/operator/undo_note.h"

namespace streamrun {

// While it is open it is locked, and a note beside it says how long it was: whoever finds both knows that a run was
// killed, and what to cut off. One thread; it stays where it is.
class AppendedFile {
 public:
  AppendedFile(const FileRules& rules, FilePlace place);
  AppendedFile(const AppendedFile&) = delete;
  AppendedFile& operator=(const AppendedFile&) = delete;

  // How a run left a file.
  struct Left {
    FileNumber number;
    std::uint64_t size = 0;
  };
  // A file that is there. `left`: by this run; where it still is so, its end need not be looked at.
  Result<> open(const std::optional<Left>& left);
  Result<> add(std::string_view bytes) { return writer_.add(bytes); }
  // What was added is on the disk, and the file is where rows can be found.
  Result<> finish();
  // Once it is finished.
  Result<> close() { return writer_.close(); }
  // Cuts off what was added. An error is fatal: some of it stays.
  Result<> cancel();

  std::uint64_t before() const { return before_; }
  std::uint64_t size() const { return writer_.size(); }
  FileNumber number() const { return number_; }

 private:
  Result<> recover(OutputFolder& folder, std::uint64_t& size);
  Result<> write_note(OutputFolder& folder);
  Result<> remove_note();
  Result<> check_unchanged() const;

  const FileRules& rules_;
  FilePlace place_;
  UndoNoteWriter note_;
  FileWriter writer_;
  FileNumber number_;
  std::uint64_t before_ = 0;
};

// How files were before a batch that may yet fail.
class FileChanges {
 public:
  void made(FilePlace place, std::uint64_t size) { changes_.push_back({std::move(place), std::nullopt, size, {}}); }
  void grown(FilePlace place, std::uint64_t before, std::uint64_t after, FileNumber number) {
    changes_.push_back({std::move(place), before, after, number});
  }
  // An error is fatal: some of the batch stays. What others have written since is not touched.
  Result<> undo();

 private:
  struct Change {
    FilePlace place;
    std::optional<std::uint64_t> before;  // none: it is new
    std::uint64_t after = 0;
    FileNumber number;
  };
  static Result<> undo(const Change& change);
  std::vector<Change> changes_;
};

}  // namespace streamrun
