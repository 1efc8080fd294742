#include "runner/operator/appended_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "runner/operator/file_end.h"

namespace streamrun {
namespace {

FileNumber number_of(const struct stat& status) {
  return {status.st_dev, status.st_ino};
}

Result<struct stat> look_at(int file, const std::string& path) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return system_failure("look at", path);
  return status;
}

}  // namespace

AppendedFile::AppendedFile(const FileRules& rules, FilePlace place)
    : rules_(rules), place_(std::move(place)), writer_(place_.folders->disk(), rules.compression, place_.path()) {
  writer_.before_writing([this](std::uint64_t at, std::string_view bytes) { return note_.will_write(at, bytes); });
}

Result<> AppendedFile::open(const std::optional<Left>& left) {
  auto folder = place_.open();
  if (!folder) return pass_on(folder);
  auto file = (*folder)->open_file(place_.name, O_RDWR | O_APPEND);
  if (!file) return pass_on(file);
  const std::string path = place_.path();
  if (auto locked = lock_file(file->get(), path); !locked) return locked;
  const auto status = look_at(file->get(), path);
  if (!status) return pass_on(status);
  number_ = number_of(*status);
  // Since the path was last looked at, a file that is read may have been put there.
  if (auto fault = place_.folders->read_fault(path, {status->st_dev, status->st_ino})) {
    return failure(*std::move(fault), ErrorKind::fatal);
  }
  auto size = static_cast<std::uint64_t>(status->st_size);
  writer_.open(std::move(*file), size);
  Result<> done = recover(**folder, size);
  bool open_line = false;
  const bool ours = left && left->number == number_;
  if (done && ours && left->size != size) {
    place_.folders->warn(fmt::format("'{}' has {} bytes in place of {}: another program has {} it since the last batch",
                                     path, size, left->size, size < left->size ? "cut" : "written"));
  }
  if (done && (!ours || left->size != size)) {
    const auto end = inspect_end(rules_, writer_.file(), size, path, std::nullopt);
    if (end) open_line = end->open_line;
    if (!end) done = pass_on(end);
  }
  before_ = size;
  if (done) done = write_note(**folder);
  if (!done) {
    writer_.open(FileDescriptor(), 0);
    return done;
  }
  if (!open_line) return done;
  place_.folders->warn(
      fmt::format("'{}' ends within a line: a line end is put behind it, and rows go on in the next one; "
                  "look at the line if a program was cut off while it wrote",
                  path));
  return writer_.add("\n");
}

// Nobody else writes, so that who made a note of this file is gone.
Result<> AppendedFile::recover(OutputFolder& folder, std::uint64_t& size) {
  const auto undone = undo_by_note(folder, *place_.folders, place_.name, writer_.file(), size);
  if (!undone) return pass_on(undone);
  if (!*undone) {
    return failure(fmt::format("another run is still writing the file that was '{}'", place_.path()),
                   ErrorKind::transient);
  }
  writer_.start_at(size);
  return {};
}

Result<> AppendedFile::write_note(OutputFolder& folder) {
  UndoNote note;
  note.name = place_.name;
  note.file_number = number_;
  note.boot = place_.folders->disk().boot();
  note.compression = rules_.compression;
  note.lines = rules_.lines;
  note.quote = rules_.framing.quote;
  note.delimiter = rules_.framing.delimiter;
  note.escape = rules_.framing.escape;
  note.before.length = before_;
  return note_.open(folder, std::move(note), writer_.file());
}

Result<> AppendedFile::remove_note() {
  auto folder = place_.open();
  if (!folder) return pass_on(folder);
  auto removed = (*folder)->remove(undo_note_name(place_.name));
  if (removed) note_.close();
  return removed;
}

Result<> AppendedFile::finish() {
  if (auto synced = writer_.sync(); !synced) return synced;
  if (auto unchanged = check_unchanged(); !unchanged) return unchanged;
  return remove_note();
}

Result<> AppendedFile::check_unchanged() const {
  const std::string path = place_.path();
  const auto status = look_at(writer_.file(), path);
  if (!status) return pass_on(status);
  if (status->st_nlink == 0) {
    return failure(fmt::format("'{}' was removed while it was written", path), ErrorKind::transient);
  }
  const auto size = static_cast<std::uint64_t>(status->st_size);
  if (size == writer_.size()) return {};
  return failure(fmt::format("'{}' has {} bytes in place of {}: another program wrote or cut it at the same time, and "
                             "rows may be lost",
                             path, size, writer_.size()),
                 ErrorKind::fatal);
}

Result<> AppendedFile::cancel() {
  if (!writer_.is_open()) return {};
  writer_.forget();
  const std::string path = place_.path();
  const auto status = look_at(writer_.file(), path);
  if (!status) return pass_on(status);
  if (status->st_nlink != 0) {
    if (auto unchanged = check_unchanged(); !unchanged) return unchanged;
    if (writer_.size() != before_) {
      if (auto done = cut_file(place_.folders->disk(), writer_.file(), before_, path); !done) return done;
    }
  }
  auto removed = remove_note();
  note_.close();
  writer_.open(FileDescriptor(), 0);
  return removed;
}

Result<> FileChanges::undo() {
  Result<> done;
  for (; !changes_.empty(); changes_.pop_back()) {
    Result<> undone = undo(changes_.back());
    if (!undone && done) {
      done = failure(fmt::format("what the batch wrote to '{}' cannot be taken back: {}", changes_.back().place.path(),
                                 undone.error().message),
                     ErrorKind::fatal);
    }
  }
  return done;
}

Result<> FileChanges::undo(const Change& change) {
  const auto folder = change.place.open();
  if (!folder) return pass_on(folder);
  const auto there = (*folder)->has_file(change.place.name);
  if (!there || !*there) return there ? Result<>{} : pass_on(there);
  const auto file = (*folder)->open_file(change.place.name, O_RDWR);
  if (!file) return pass_on(file);
  const std::string path = change.place.path();
  if (auto locked = lock_file(file->get(), path); !locked) return locked;
  const auto status = look_at(file->get(), path);
  if (!status) return pass_on(status);
  if (change.before && !(number_of(*status) == change.number)) return failure("it is another file by now");
  if (static_cast<std::uint64_t>(status->st_size) != change.after) return failure("another program has changed it");
  if (!change.before) return (*folder)->remove(change.place.name);
  return cut_file((*folder)->disk(), file->get(), *change.before, path);
}

}  // namespace streamrun
