// The note beside a file that gets rows behind its last (`.NAME.undo`): it says how long the file was, and by what
// stands in it how far it is still the one that was written. Only what is proven to be a killed run's is cut off.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runner/operator/file_rules.h"
#include "runner/operator/output_folder.h"

namespace streamrun {

// A file, whatever its name is by now.
struct FileNumber {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
  friend bool operator==(const FileNumber&, const FileNumber&) = default;
};

// A length of a file, and the hash of the last bytes of that much of it.
struct LengthMark {
  std::uint64_t length = 0;
  std::uint64_t hash = 0;
};

Result<LengthMark> mark_length(int file, std::uint64_t length, const std::string& path);

struct UndoNote {
  std::string name;
  FileNumber file_number;
  std::string boot;
  // How its rows are told from torn ones.
  Compression compression = Compression::none;
  bool lines = true;
  char quote = '\0';
  char delimiter = '\0';
  char escape = '\0';
  std::uint64_t head = 0;  // hash of the first bytes of what was there before
  LengthMark before;
  // As the last write found the file, and as it leaves it.
  LengthMark written;
  LengthMark next;

  // How much of `file`, of `size` bytes, is to stay. An error says that nobody can tell, and what to do.
  Result<std::uint64_t> whole(int file, std::uint64_t size, FileNumber number, const std::string& now,
                              const std::string& path, const std::string& note_path) const;

 private:
  // Nobody has written behind what was written last.
  Result<bool> is_ours(int file, std::uint64_t size, bool same_file) const;
};

// Of a file that is being written. One thread.
class UndoNoteWriter {
 public:
  // Made and locked, as long as this lives. `file`: of note.before.length bytes; the marks are made here.
  Result<> open(const OutputFolder& folder, UndoNote note, int file);
  // Before `bytes` go to `at`, where the file ends.
  Result<> will_write(std::uint64_t at, std::string_view bytes);
  bool is_open() const { return static_cast<bool>(file_); }
  void close() { file_.reset(); }

 private:
  Result<> write();

  Disk* disk_ = nullptr;
  FileDescriptor file_;
  std::string path_;
  UndoNote note_;
  std::string tail_;  // what note_.written and note_.next are of
  std::string next_tail_;
};

std::string undo_note_name(std::string_view name);
// Whether a file of that name may be a note.
bool is_note_name(std::string_view name);

// What a killed run has left in `file`, of `size` bytes and the name `name`, is cut off, and the note removed. False:
// the run that made the note is still there. An error: nobody can tell what to cut, and nothing is changed.
Result<bool> undo_by_note(const OutputFolder& folder, const OutputFolders& folders, const std::string& name, int file,
                          std::uint64_t& size);
// The file is another one: what a killed run noted of the former says nothing of it.
void forget_note(const OutputFolder& folder, const std::string& name);
// Cuts all files of a folder back whose writers were killed.
void cut_back_abandoned(const OutputFolder& folder, const OutputFolders& folders);

Result<> lock_file(int file, const std::string& path);
Result<> cut_file(Disk& disk, int file, std::uint64_t size, const std::string& path);

}  // namespace streamrun
