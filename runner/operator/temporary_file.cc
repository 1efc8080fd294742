#include "runner/operator/temporary_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runner/operator/file_end.h"

namespace streamrun {

TemporaryFile::TemporaryFile(const FileRules& rules, Exists exists, FilePlace place, bool again)
    : rules_(rules),
      exists_(exists),
      again_(again),
      place_(std::move(place)),
      writer_(place_.folders->disk(), rules.compression, place_.path()) {}

Result<> TemporaryFile::add(std::string_view bytes) {
  if (auto opened = open(); !opened) return opened;
  return writer_.add(bytes);
}

Result<> TemporaryFile::open() {
  if (writer_.is_open()) return {};
  if (name_.empty()) return begin();
  auto folder = place_.open();
  if (!folder) return pass_on(folder);
  auto opened = (*folder)->open_file(name_, O_WRONLY | O_APPEND);
  if (!opened) {
    // What was in it is written nowhere else.
    return failure(opened.error().message, errno == ENOENT ? ErrorKind::fatal : opened.error().kind);
  }
  const auto size = file_size(*opened, place_.path());
  if (!size) return pass_on(size);
  if (*size != writer_.size()) {
    return failure(fmt::format("'{}' was changed by another program while it was written", (*folder)->path_of(name_)),
                   ErrorKind::fatal);
  }
  writer_.open(std::move(*opened), *size);
  return {};
}

Result<> TemporaryFile::begin() {
  auto folder = place_.open();
  if (!folder) return pass_on(folder);
  const auto there = (*folder)->has_file(place_.name);
  if (!there) return pass_on(there);
  if (*there && exists_ == Exists::fail && !again_) return exists_failure(place_, rules_);
  std::string name = place_.folders->files()->names().make(place_.name);
  auto made = (*folder)->create(name, rules_.mode);
  if (!made) return pass_on(made);
  writer_.open(std::move(*made), 0);
  new_ = !*there;
  auto filled = fill(**folder, *there);
  if (filled) {
    name_ = std::move(name);
    return {};
  }
  writer_.forget();
  writer_.open(FileDescriptor(), 0);
  static_cast<void>((*folder)->remove(name));
  return filled;
}

Result<> TemporaryFile::fill(OutputFolder& folder, bool there) {
  if (!there || exists_ != Exists::append) {
    return rules_.header.empty() ? Result<>{} : writer_.add(rules_.header);
  }
  // What is there stays in front, so that even an appended file changes all at once.
  auto old = folder.open_file(place_.name, O_RDONLY);
  if (!old) return pass_on(old);
  const std::string path = place_.path();
  struct stat status{};
  if (::fstat(old->get(), &status) != 0) return system_failure("look at", path);
  const auto end = inspect_end(rules_, old->get(), static_cast<std::uint64_t>(status.st_size), path, std::nullopt);
  if (!end) return pass_on(end);
  ::fchmod(writer_.file(), status.st_mode & 0777U);
  if (auto copied = writer_.copy(old->get(), path); !copied) return copied;
  if (status.st_size == 0 && !rules_.header.empty()) return writer_.add(rules_.header);
  return end->open_line ? writer_.add("\n") : Result<>{};
}

Result<> TemporaryFile::complete() {
  if (complete_) return {};
  if (auto opened = open(); !opened) return opened;
  if (auto synced = writer_.sync(); !synced) return synced;
  if (auto closed = writer_.close(); !closed) return closed;
  complete_ = true;
  return {};
}

Result<> TemporaryFile::rename() {
  if (renamed_) return {};
  auto folder = place_.open();
  if (!folder) return pass_on(folder);
  if (again_ && !new_ && exists_ == Exists::fail) {
    if (auto same = check_same(**folder); !same) return same;
  }
  errno = 0;
  auto renamed = (*folder)->rename(name_, place_.name, new_ && exists_ != Exists::replace);
  if (!renamed && errno == EEXIST) return exists_failure(place_, rules_);
  renamed_ = renamed.has_value();
  return renamed;
}

Result<> TemporaryFile::check_same(const OutputFolder& folder) const {
  constexpr std::size_t kPiece = std::size_t{64} << 10;
  const auto ours = folder.open_file(name_, O_RDONLY);
  if (!ours) return pass_on(ours);
  const auto there = folder.open_file(place_.name, O_RDONLY);
  if (!there) return pass_on(there);
  std::string one(kPiece, '\0');
  std::string other(kPiece, '\0');
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(ours->get(), one.data(), kPiece, at);
    const ssize_t m = ::pread(there->get(), other.data(), kPiece, at);
    if (n < 0 || m < 0) return system_failure("read", place_.path());
    if (n != m || std::memcmp(one.data(), other.data(), static_cast<std::size_t>(n)) != 0) {
      return other_failure(place_);
    }
    if (n == 0) return {};
    at += n;
  }
}

void TemporaryFile::discard() {
  writer_.forget();
  writer_.open(FileDescriptor(), 0);
  if (name_.empty() || (renamed_ && !new_)) return;
  if (const auto folder = place_.open()) static_cast<void>((*folder)->remove(renamed_ ? place_.name : name_));
  name_.clear();
}

void remove_abandoned(const OutputFolder& folder, const TemporaryNames& names) {
  const auto all = folder.names();
  if (!all) return;  // Whoever may not look may still write.
  for (const std::string& name : *all) {
    if (names.abandoned(folder.descriptor(), name)) static_cast<void>(folder.remove(name));
  }
}

Result<> remove_parts(const PlaceOfPart& place_of, std::uint32_t first) {
  for (std::uint32_t part = first;; ++part) {
    const FilePlace place = place_of(part);
    if (!place.folders->has(place.folder)) return {};
    const auto folder = place.open();
    if (!folder) return pass_on(folder);
    const auto there = (*folder)->has_file(place.name);
    if (!there) return pass_on(there);
    if (!*there) return {};
    if (auto removed = (*folder)->remove(place.name); !removed) return removed;
    if (auto synced = (*folder)->sync(); !synced) return synced;
  }
}

std::unexpected<Error> other_failure(const FilePlace& place) {
  return failure(
      fmt::format("'{}' exists, and is not what this batch writes there, which a former run has begun: it is "
                  "another's, or the pipeline or a table has changed since; move it away",
                  place.path()));
}

std::unexpected<Error> exists_failure(const FilePlace& place, const FileRules& rules) {
  if (rules.exists == Exists::append) {
    return failure(fmt::format("'{}' was made by another program at this moment", place.path()), ErrorKind::transient);
  }
  return failure(rules.exists_said
                     ? fmt::format("'{}' exists, and the output says `exists: fail`; move it away", place.path())
                     : fmt::format("'{}' exists, and what a former run published is never replaced unasked; move it "
                                   "away, or say `exists: replace`",
                                   place.path()));
}

}  // namespace streamrun
