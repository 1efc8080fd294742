#include "runner/operator/output_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace streamrun {
namespace {

constexpr std::size_t kOpenFolders = 64;
constexpr std::size_t kTidiedFolders = 100'000;

Result<> sync_folder(Disk& disk, int folder, const std::string& path) {
  // Not every file system can sync a folder, and says so.
  if (disk.sync(folder) == 0 || errno == EINVAL) return {};
  return system_failure("sync folder", path.empty() ? "." : path, ErrorKind::fatal);
}

// Steps down `path`, making what is missing.
Result<FileDescriptor> descend(Disk& disk, FileDescriptor at, std::string_view path, const std::string& whole,
                               int flags, unsigned mode) {
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string name(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (name.empty()) continue;
    const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags;
    FileDescriptor next(disk.open(at.get(), name.c_str(), how, 0));
    if (!next && errno == ENOENT) {
      const bool made = ::mkdirat(at.get(), name.c_str(), mode) == 0;
      if (!made && errno != EEXIST) return system_failure("make folder", whole);
      next.reset(disk.open(at.get(), name.c_str(), how, 0));
      // Whatever the umask.
      if (next && made) ::fchmod(next.get(), mode);
      // The new entry must outlast a power cut, as the file in it will.
      if (auto synced = sync_folder(disk, at.get(), whole); !synced) return pass_on(synced);
    }
    if (!next) return system_failure("open folder", whole);
    at = std::move(next);
  }
  return at;
}

bool leads_to(const std::string& path, int folder) {
  struct stat there{};
  struct stat open{};
  return ::stat(path.empty() ? "." : path.c_str(), &there) == 0 && ::fstat(folder, &open) == 0 &&
         there.st_dev == open.st_dev && there.st_ino == open.st_ino;
}

std::string is_read(const std::string& path, const std::string& reader) {
  return fmt::format("'{}' is a file that {} reads; write to a path that it does not", path, reader);
}

}  // namespace

std::size_t descriptors_to_keep(std::size_t at_most) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return at_most;
  return std::clamp<std::size_t>(limit.rlim_cur / 8, 1, at_most);
}

Result<bool> OutputFolder::has_file(const std::string& name) const {
  struct stat status{};
  if (::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return system_failure("look at", path_of(name));
  }
  if (!S_ISREG(status.st_mode)) {
    return failure(fmt::format("'{}' is {}, and only plain files are written; choose another path", path_of(name),
                               S_ISLNK(status.st_mode)    ? "a symbolic link"
                               : S_ISDIR(status.st_mode)  ? "a folder"
                               : S_ISFIFO(status.st_mode) ? "a FIFO"
                                                          : "no plain file"));
  }
  return true;
}

Result<FileDescriptor> OutputFolder::create(const std::string& name, unsigned mode) const {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor file(disk_.open(fd_.get(), name.c_str(), kFlags, mode));
  // Whatever the umask.
  if (!file || ::fchmod(file.get(), mode) != 0) return system_failure("make", path_of(name));
  // While it is held the file is in use, for those too who cannot see this process. Not every file system has locks.
  ::flock(file.get(), LOCK_EX | LOCK_NB);
  return file;
}

Result<FileDescriptor> OutputFolder::open_file(const std::string& name, int flags) const {
  FileDescriptor file(disk_.open(fd_.get(), name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0));
  if (!file) return system_failure("open", path_of(name));
  return file;
}

Result<> OutputFolder::rename(const std::string& from, const std::string& to, bool keep) const {
  if (const auto there = has_file(to); !there) return pass_on(there);
  if (disk_.rename(fd_.get(), from.c_str(), to.c_str(), keep ? RENAME_NOREPLACE : 0U) == 0) return {};
  return system_failure("rename a file to", path_of(to));
}

Result<> OutputFolder::remove(const std::string& name) const {
  if (disk_.unlink(fd_.get(), name.c_str()) == 0 || errno == ENOENT) return {};
  return system_failure("remove", path_of(name));
}

Result<> OutputFolder::sync() const {
  return sync_folder(disk_, fd_.get(), path_);
}

Result<std::vector<std::string>> OutputFolder::names() const {
  const int own = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = own < 0 ? nullptr : ::fdopendir(own);
  if (listing == nullptr) return system_failure("look into", path_.empty() ? "." : path_);
  std::vector<std::string> found;
  while (const dirent* entry = ::readdir(listing)) found.emplace_back(entry->d_name);
  ::closedir(listing);
  return found;
}

Result<std::shared_ptr<OutputFolder>> FilePlace::open() const {
  return folders->open(*this);
}

OutputFolders::OutputFolders(const Environment& environment, unsigned file_mode, Tidy tidy)
    : disk_(*environment.disk),
      working_folder_(environment.working_folder),
      mode_(file_mode | (file_mode & 0444U) >> 2U),
      tidy_(std::move(tidy)),
      files_(WrittenFiles::of(environment)),
      read_files_(ReadFiles::of(environment)),
      log_(environment.log) {}

void OutputFolders::warn(const std::string& message) const {
  if (log_) log_(LogLevel::warning, message);
}

std::optional<std::string> OutputFolders::read_fault(const std::string& path) const {
  const auto reader = read_files_->reader_of(below_folder(working_folder_, path));
  return reader ? std::optional(is_read(path, *reader)) : std::nullopt;
}

std::optional<std::string> OutputFolders::read_fault(const std::string& path, FileId file) const {
  const auto reader = read_files_->reader_of(file);
  return reader ? std::optional(is_read(path, *reader)) : std::nullopt;
}

FilePlace OutputFolders::find(const std::string& path, std::size_t fixed) {
  const std::size_t slash = path.rfind('/') + 1;
  return {shared_from_this(), path.substr(0, slash), std::min(fixed, slash), path.substr(slash)};
}

std::shared_ptr<OutputFolder> OutputFolders::known(const std::string& path) {
  const auto found = std::ranges::find(known_, path, &Known::path);
  if (found == known_.end()) return nullptr;
  Known known = std::move(*found);
  known_.erase(found);
  if (!leads_to(below_folder(working_folder_, path), known.folder->descriptor())) return nullptr;
  return known_.emplace_front(std::move(known)).folder;
}

Result<FileDescriptor> OutputFolders::walk(const FilePlace& place) const {
  const std::string root_path = below_folder(working_folder_, place.folder.substr(0, place.fixed));
  const std::string_view below = std::string_view(place.folder).substr(place.fixed);
  for (std::string_view rest = below; !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    if (rest.substr(0, slash) == "..") return failure(fmt::format("'{}' leads out of its folder", place.folder));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  FileDescriptor root(
      disk_.open(AT_FDCWD, root_path.starts_with('/') ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (!root) return system_failure("open folder", place.folder);
  auto at = descend(disk_, std::move(root), root_path, place.folder, 0, mode_);
  return at ? descend(disk_, std::move(*at), below, place.folder, O_NOFOLLOW, mode_) : std::move(at);
}

Result<std::shared_ptr<OutputFolder>> OutputFolders::open(const FilePlace& place) {
  if (auto fault = read_fault(place.path())) return failure(*std::move(fault), ErrorKind::fatal);
  const std::lock_guard lock(mutex_);
  if (auto open = known(place.folder)) return open;
  auto fd = walk(place);
  if (!fd) return pass_on(fd);
  auto folder = std::make_shared<OutputFolder>(disk_, std::move(*fd), place.folder);
  tidy_once(*folder);
  if (known_.size() >= descriptors_to_keep(kOpenFolders)) known_.pop_back();
  return known_.emplace_front(place.folder, std::move(folder)).folder;
}

bool OutputFolders::has(const std::string& folder) const {
  struct stat status{};
  const std::string path = below_folder(working_folder_, folder);
  return ::stat(path.empty() ? "." : path.c_str(), &status) == 0 || errno != ENOENT;
}

void OutputFolders::tidy_once(const OutputFolder& folder) {
  if (tidied_.contains(folder.path())) return;
  tidy_(folder);
  if (tidied_.size() >= kTidiedFolders) tidied_.clear();
  tidied_.insert(folder.path());
}

void OutputFolders::tidy_below(const std::string& folder, std::size_t levels) {
  const std::lock_guard lock(mutex_);
  const std::string path = below_folder(working_folder_, folder);
  FileDescriptor root(disk_.open(AT_FDCWD, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (root) tidy_below(OutputFolder(disk_, std::move(root), folder), levels);
}

void OutputFolders::tidy_below(const OutputFolder& folder, std::size_t levels) {
  if (levels == 0) return tidy_once(folder);
  const auto names = folder.names();
  if (!names) return;
  for (const std::string& name : *names) {
    if (name == "." || name == "..") continue;
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    FileDescriptor below(disk_.open(folder.descriptor(), name.c_str(), kFlags, 0));
    if (below) tidy_below(OutputFolder(disk_, std::move(below), folder.path_of(name) + "/"), levels - 1);
  }
}

}  // namespace streamrun
