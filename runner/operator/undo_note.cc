#include "runner/operator/undo_note.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "runner/operator/file_end.h"

namespace streamrun {
namespace {

constexpr std::string_view kEnding = ".undo";
constexpr std::uint64_t kHeadBytes = 1024;
constexpr std::uint64_t kTailBytes = 4096;
// The kernel stops a write of a process that is killed at the end of a page of the file.
constexpr std::uint64_t kPageBytes = 4096;

std::uint64_t hash_of(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

void keep_tail(std::string& tail, std::string_view bytes) {
  if (bytes.size() > kTailBytes) bytes.remove_prefix(bytes.size() - kTailBytes);
  const std::size_t all = tail.size() + bytes.size();
  if (all > kTailBytes) tail.erase(0, all - kTailBytes);
  tail += bytes;
}

// Nothing: it ends before.
Result<std::optional<std::string>> read_bytes(int file, std::uint64_t begin, std::uint64_t size,
                                              const std::string& path) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got != size) {
    const ssize_t n = ::pread(file, bytes.data() + got, size - got, static_cast<off_t>(begin + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("read", path);
    if (n == 0) return std::optional<std::string>();
    got += static_cast<std::size_t>(n);
  }
  return std::optional(std::move(bytes));
}

Result<std::optional<std::string>> read_tail(int file, std::uint64_t length, const std::string& path) {
  const std::uint64_t size = std::min(length, kTailBytes);
  return read_bytes(file, length - size, size, path);
}

Result<bool> is_marked(int file, const LengthMark& mark, const std::string& path) {
  const auto tail = read_tail(file, mark.length, path);
  if (!tail) return pass_on(tail);
  return *tail && hash_of(**tail) == mark.hash;
}

Result<bool> begins_alike(int file, const UndoNote& note, const std::string& path) {
  const auto head = read_bytes(file, 0, std::min(note.before.length, kHeadBytes), path);
  if (!head) return pass_on(head);
  if (!*head || hash_of(**head) != note.head) return false;
  return is_marked(file, note.before, path);
}

// Of one length as long as the name is the same: it is written over.
std::string to_text(const UndoNote& note) {
  return fmt::format(
      "streamrun-undo-1 {} {:016x} {:016x} {} {} {:02x} {:02x} {:02x} {:016x} {:016x} {:016x} {:016x} {:016x} "
      "{:016x} {:016x}\n{}\n",
      note.boot.empty() ? "0" : note.boot, note.file_number.device, note.file_number.number,
      static_cast<int>(note.compression), note.lines ? 1 : 0, static_cast<unsigned char>(note.quote),
      static_cast<unsigned char>(note.delimiter), static_cast<unsigned char>(note.escape), note.head,
      note.before.length, note.before.hash, note.written.length, note.written.hash, note.next.length, note.next.hash,
      note.name);
}

// Nothing: it is none, or was cut off itself.
std::optional<UndoNote> read_note(int file) {
  std::array<char, 1024> bytes{};
  const ssize_t n = ::pread(file, bytes.data(), bytes.size() - 1, 0);
  if (n <= 0) return std::nullopt;
  UndoNote note;
  std::array<char, 64> boot{};
  std::array<unsigned long, 9> numbers{};
  int compression = 0;
  int lines = 0;
  unsigned quote = 0;
  unsigned delimiter = 0;
  unsigned escape = 0;
  int begin = 0;
  if (std::sscanf(bytes.data(), "streamrun-undo-1 %63s %lx %lx %d %d %x %x %x %lx %lx %lx %lx %lx %lx %lx%n",
                  boot.data(), &numbers[0], &numbers[1], &compression, &lines, &quote, &delimiter, &escape, &numbers[2],
                  &numbers[3], &numbers[4], &numbers[5], &numbers[6], &numbers[7], &numbers[8], &begin) != 15 ||
      compression < 0 || compression > static_cast<int>(Compression::lz4)) {
    return std::nullopt;
  }
  const std::string_view rest =
      std::string_view(bytes.data(), static_cast<std::size_t>(n)).substr(static_cast<std::size_t>(begin));
  if (rest.size() < 3 || !rest.starts_with('\n') || !rest.ends_with('\n')) return std::nullopt;
  note.name = rest.substr(1, rest.size() - 2);
  note.boot = boot.data();
  note.file_number = {numbers[0], numbers[1]};
  note.compression = static_cast<Compression>(compression);
  note.lines = lines != 0;
  note.quote = static_cast<char>(quote);
  note.delimiter = static_cast<char>(delimiter);
  note.escape = static_cast<char>(escape);
  note.head = numbers[2];
  note.before = {numbers[3], numbers[4]};
  note.written = {numbers[5], numbers[6]};
  note.next = {numbers[7], numbers[8]};
  return note;
}

std::unexpected<Error> in_doubt(const std::string& path, std::uint64_t size, std::uint64_t before,
                                const std::string& note_path) {
  return failure(
      fmt::format("'{0}' has {1} bytes, and a run that was ended while it wrote began behind byte {2} of it, as '{3}' "
                  "says; another "
                  "program has changed it since, so that it cannot be told what to cut off; cut it back with `truncate "
                  "-s {2} {0}`, "
                  "or keep all of it and remove the note: `rm {3}`",
                  path, size, before, note_path));
}

}  // namespace

Result<LengthMark> mark_length(int file, std::uint64_t length, const std::string& path) {
  const auto tail = read_tail(file, length, path);
  if (!tail) return pass_on(tail);
  if (!*tail) return failure(fmt::format("'{}' was cut at this moment", path), ErrorKind::fatal);
  return LengthMark{length, hash_of(**tail)};
}

Result<bool> UndoNote::is_ours(int file, std::uint64_t size, bool same_file) const {
  if (size == next.length) return is_marked(file, next, name);
  // Of the last write there is nothing, or its first pages; these only their place can prove.
  const bool within = size > written.length && size < next.length && size % kPageBytes == 0 && same_file;
  if (size != written.length && !within) return false;
  return is_marked(file, written, name);
}

Result<std::uint64_t> UndoNote::whole(int file, std::uint64_t size, FileNumber number, const std::string& now,
                                      const std::string& path, const std::string& note_path) const {
  if (size <= before.length) return size;
  const auto alike = begins_alike(file, *this, path);
  if (!alike) return pass_on(alike);
  const bool same_file = number == file_number;
  const bool same_boot = boot == now;
  if (*alike && same_boot) {
    const auto ours = is_ours(file, size, same_file);
    if (!ours) return pass_on(ours);
    if (*ours) return before.length;
  }
  // Another file, that was put in its place: nothing of it is ours.
  if (!same_file && !(*alike && before.length != 0)) return size;
  if (*alike && !same_boot) {
    // Of what was not synced some may be lost, the end of an older note too: only what is torn goes, and not where
    // somebody may have written behind it.
    FileRules rules;
    rules.compression = compression;
    rules.lines = lines;
    rules.framing = {.cr_ends_line = delimiter != '\0', .quote = quote, .delimiter = delimiter, .escape = escape};
    const auto end = inspect_end(rules, file, size, path, before.length);
    if (!end) return pass_on(end);
    if (end->whole == size || size <= next.length) return end->whole;
  }
  return in_doubt(path, size, before.length, note_path);
}

Result<> UndoNoteWriter::open(const OutputFolder& folder, UndoNote note, int file) {
  const std::string path = folder.path_of(note.name);
  auto tail = read_tail(file, note.before.length, path);
  if (!tail) return pass_on(tail);
  const auto head = read_bytes(file, 0, std::min(note.before.length, kHeadBytes), path);
  if (!head) return pass_on(head);
  if (!*tail || !*head) return failure(fmt::format("'{}' was cut at this moment", path), ErrorKind::transient);
  note.head = hash_of(**head);
  note.before.hash = hash_of(**tail);
  note.written = note.next = note.before;
  tail_ = next_tail_ = std::move(**tail);
  note_ = std::move(note);
  const std::string name = undo_note_name(note_.name);
  path_ = folder.path_of(name);
  disk_ = &folder.disk();
  auto made = folder.create(name, 0600);
  if (!made) {
    return failure(fmt::format("{}; while rows go behind those of '{}', a note beside it says how long it was, or what "
                               "a killed run leaves could not be cut off: let this user make files in its folder, or "
                               "write to a path in another one",
                               made.error().message, path),
                   made.error().kind);
  }
  file_ = std::move(*made);
  // It is written over, in one piece: what is added at the end would grow with the batch.
  ::fcntl(file_.get(), F_SETFL, 0);
  if (auto written = write(); !written) {
    close();
    static_cast<void>(folder.remove(name));
    return written;
  }
  return {};
}

Result<> UndoNoteWriter::will_write(std::uint64_t at, std::string_view bytes) {
  if (!is_open()) return {};
  // Else the last write has failed, and was taken back.
  if (note_.next.length == at) {
    note_.written = note_.next;
    tail_ = next_tail_;
  }
  next_tail_ = tail_;
  keep_tail(next_tail_, bytes);
  note_.next = {at + bytes.size(), hash_of(next_tail_)};
  return write();
}

Result<> UndoNoteWriter::write() {
  const std::string text = to_text(note_);
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t n =
        disk_->write(file_.get(), left.data(), left.size(), static_cast<off_t>(text.size() - left.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_failure("write", path_);
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string undo_note_name(std::string_view name) {
  return hidden_name(name, kEnding);
}

bool is_note_name(std::string_view name) {
  return name.starts_with('.') && name.ends_with(kEnding);
}

Result<bool> undo_by_note(const OutputFolder& folder, const OutputFolders& folders, const std::string& name, int file,
                          std::uint64_t& size) {
  const std::string note_name = undo_note_name(name);
  const auto there = folder.has_file(note_name);
  if (!there) return pass_on(there);
  if (!*there) return true;
  const auto opened = folder.open_file(note_name, O_RDONLY);
  if (!opened) return pass_on(opened);
  if (!lock_file(opened->get(), note_name)) return false;
  const std::string path = folder.path_of(name);
  if (const auto note = read_note(opened->get())) {
    struct stat status{};
    if (::fstat(file, &status) != 0) return system_failure("look at", path);
    const auto whole =
        note->whole(file, size, {status.st_dev, status.st_ino}, folder.disk().boot(), path, folder.path_of(note_name));
    if (!whole) return pass_on(whole);
    if (*whole != size) {
      if (auto done = cut_file(folder.disk(), file, *whole, path); !done) return pass_on(done);
      folders.warn(
          fmt::format("'{}' was cut from {} to {} bytes: a run that was ended while it wrote had left part of a batch "
                      "there",
                      path, size, *whole));
      size = *whole;
    }
  }
  auto removed = folder.remove(note_name);
  if (!removed) return pass_on(removed);
  return true;
}

void forget_note(const OutputFolder& folder, const std::string& name) {
  const std::string note_name = undo_note_name(name);
  if (const auto there = folder.has_file(note_name); !there || !*there) return;
  const auto opened = folder.open_file(note_name, O_RDONLY);
  if (opened && lock_file(opened->get(), note_name)) static_cast<void>(folder.remove(note_name));
}

void cut_back_abandoned(const OutputFolder& folder, const OutputFolders& folders) {
  const auto names = folder.names();
  if (!names) return;
  for (const std::string& name : *names) {
    if (!is_note_name(name)) continue;
    const auto opened = folder.open_file(name, O_RDONLY);
    const auto note = opened ? read_note(opened->get()) : std::nullopt;
    if (!note || undo_note_name(note->name) != name) continue;
    const std::string path = folder.path_of(note->name);
    auto file = folder.open_file(note->name, O_RDWR);
    if (!file) {
      if (const auto there = folder.has_file(note->name); there && !*there) forget_note(folder, note->name);
      continue;
    }
    if (!lock_file(file->get(), path)) continue;
    auto size = file_size(*file, path);
    if (!size) continue;
    // Of a file that nobody may write to any more this is the only word.
    if (const auto undone = undo_by_note(folder, folders, note->name, file->get(), *size); !undone) {
      folders.warn(undone.error().message);
    }
  }
}

Result<> lock_file(int file, const std::string& path) {
  if (::flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return failure(fmt::format("another run is writing '{}' at this moment; give each a path of its own, or this output "
                             "`retry`",
                             path),
                 ErrorKind::transient);
}

Result<> cut_file(Disk& disk, int file, std::uint64_t size, const std::string& path) {
  if (disk.truncate(file, static_cast<off_t>(size)) != 0) return system_failure("cut", path, ErrorKind::fatal);
  if (disk.sync(file) != 0) return system_failure("sync", path, ErrorKind::fatal);
  return {};
}

}  // namespace streamrun
