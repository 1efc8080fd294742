#include "runner/operator/appended_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "runner/operator/file_end.h"

namespace streamrun {
namespace {

constexpr std::string_view kNoteEnding = ".undo";

struct Note {
  std::uint64_t length = 0;
  FileNumber file;
  std::string boot;
  std::string name;
};

std::string to_text(const Note& note) {
  return fmt::format("{} {} {} {}\n{}\n", note.length, note.file.device, note.file.number, note.boot, note.name);
}

// Nothing: there is none, or it was cut off itself.
std::optional<Note> read_note(const OutputFolder& folder, const std::string& name) {
  const auto file = folder.open_file(name, O_RDONLY);
  if (!file) return std::nullopt;
  std::array<char, 1024> bytes{};
  const ssize_t n = ::pread(file->get(), bytes.data(), bytes.size() - 1, 0);
  unsigned long length = 0;
  unsigned long device = 0;
  unsigned long number = 0;
  std::array<char, 64> boot{};
  int begin = 0;
  if (n <= 0 || std::sscanf(bytes.data(), "%lu %lu %lu %63s%n", &length, &device, &number, boot.data(), &begin) != 4) {
    return std::nullopt;
  }
  const std::string_view rest =
      std::string_view(bytes.data(), static_cast<std::size_t>(n)).substr(static_cast<std::size_t>(begin));
  if (rest.size() < 3 || !rest.starts_with('\n') || !rest.ends_with('\n')) return std::nullopt;
  return Note{length, {device, number}, boot.data(), std::string(rest.substr(1, rest.size() - 2))};
}

FileNumber number_of(const struct stat& status) {
  return {status.st_dev, status.st_ino};
}

Result<struct stat> look_at(int file, const std::string& path) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return system_failure("look at", path);
  return status;
}

Result<> lock(int file, const std::string& path) {
  if (::flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return failure(fmt::format("another run is writing '{}' at this moment; give each a path of its own, or this output "
                             "`retry`",
                             path),
                 ErrorKind::transient);
}

Result<> cut(Disk& disk, int file, std::uint64_t size, const std::string& path) {
  if (disk.truncate(file, static_cast<off_t>(size)) != 0) return system_failure("cut", path, ErrorKind::fatal);
  if (disk.sync(file) != 0) return system_failure("sync", path, ErrorKind::fatal);
  return {};
}

std::string cut_message(const std::string& path, std::uint64_t from, std::uint64_t to) {
  return fmt::format(
      "'{}' was cut from {} to {} bytes: a run that was ended while it wrote had left part of a batch "
      "there",
      path, from, to);
}

}  // namespace

AppendedFile::AppendedFile(const FileRules& rules, FilePlace place)
    : rules_(rules),
      place_(std::move(place)),
      note_(hidden_name(place_.name, kNoteEnding)),
      writer_(place_.folders->disk(), rules.compression, place_.path()) {}

Result<> AppendedFile::open(const std::optional<Left>& left) {
  auto folder = place_.open();
  if (!folder) return pass_on(folder);
  auto file = (*folder)->open_file(place_.name, O_RDWR | O_APPEND);
  if (!file) return pass_on(file);
  const std::string path = place_.path();
  if (auto locked = lock(file->get(), path); !locked) return locked;
  const auto status = look_at(file->get(), path);
  if (!status) return pass_on(status);
  number_ = number_of(*status);
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

// Nobody else writes, so that who made the note is gone.
Result<> AppendedFile::recover(OutputFolder& folder, std::uint64_t& size) {
  const auto there = folder.has_file(note_);
  if (!there || !*there) return there ? Result<>{} : pass_on(there);
  const auto note = read_note(folder, note_);
  if (note && note->file == number_ && note->length <= size) {
    std::uint64_t whole = note->length;
    if (note->boot != place_.folders->disk().boot()) {
      // Of what was not synced some may be lost, the end of an older note too: only what is torn goes.
      const auto end = inspect_end(rules_, writer_.file(), size, place_.path(), note->length);
      if (!end) return pass_on(end);
      whole = end->whole;
    }
    if (whole != size) {
      if (auto done = cut(place_.folders->disk(), writer_.file(), whole, place_.path()); !done) return done;
      place_.folders->warn(cut_message(place_.path(), size, whole));
      size = whole;
      writer_.start_at(size);
    }
  }
  return folder.remove(note_);
}

Result<> AppendedFile::write_note(OutputFolder& folder) const {
  auto made = folder.create(note_, 0600);
  if (!made) return pass_on(made);
  const std::string text = to_text({before_, number_, place_.folders->disk().boot(), place_.name});
  FileWriter writer(place_.folders->disk(), Compression::none, folder.path_of(note_));
  writer.open(std::move(*made), 0);
  auto done = writer.add(text);
  if (done) done = writer.rest();
  if (!done) static_cast<void>(folder.remove(note_));
  return done;
}

Result<> AppendedFile::finish() {
  if (auto synced = writer_.sync(); !synced) return synced;
  if (auto unchanged = check_unchanged(); !unchanged) return unchanged;
  auto folder = place_.open();
  if (!folder) return pass_on(folder);
  return (*folder)->remove(note_);
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
      if (auto done = cut(place_.folders->disk(), writer_.file(), before_, path); !done) return done;
    }
  }
  auto folder = place_.open();
  auto removed = folder ? (*folder)->remove(note_) : pass_on(folder);
  writer_.open(FileDescriptor(), 0);
  return removed;
}

bool is_note_name(std::string_view name) {
  return name.starts_with('.') && name.ends_with(kNoteEnding);
}

void cut_back_abandoned(const OutputFolder& folder, const OutputFolders& folders) {
  const auto names = folder.names();
  if (!names) return;
  for (const std::string& name : *names) {
    if (!is_note_name(name)) continue;
    auto note = read_note(folder, name);
    if (!note || note->boot != folder.disk().boot() || hidden_name(note->name, kNoteEnding) != name) continue;
    const std::string path = folder.path_of(note->name);
    auto file = folder.open_file(note->name, O_RDWR);
    if (!file || !lock(file->get(), path)) continue;
    // Who made the note may have ended well between then and now: only under the lock it tells of a writer that has
    // gone.
    note = read_note(folder, name);
    if (!note) continue;
    const auto status = look_at(file->get(), path);
    if (!status || !(number_of(*status) == note->file)) continue;
    const auto size = static_cast<std::uint64_t>(status->st_size);
    if (size > note->length) {
      if (!cut(folder.disk(), file->get(), note->length, path)) continue;
      folders.warn(cut_message(path, size, note->length));
    }
    static_cast<void>(folder.remove(name));
  }
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
  if (auto locked = lock(file->get(), path); !locked) return locked;
  const auto status = look_at(file->get(), path);
  if (!status) return pass_on(status);
  if (change.before && !(number_of(*status) == change.number)) return failure("it is another file by now");
  if (static_cast<std::uint64_t>(status->st_size) != change.after) return failure("another program has changed it");
  if (!change.before) return (*folder)->remove(change.place.name);
  return cut((*folder)->disk(), file->get(), *change.before, path);
}

}  // namespace streamrun
