#include "runner/operator/output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace streamrun {
namespace {

constexpr std::size_t kOpenFolders = 64;

std::unexpected<Error> there_already(const std::string& path) {
  return failure(fmt::format("'{}' exists, and the output says `exists: fail`; move it away", path));
}

// Steps down `path`, making what is missing.
Result<FileDescriptor> descend(FileDescriptor at, std::string_view path, const std::string& whole, int flags,
                               unsigned mode) {
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string name(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (name.empty()) continue;
    const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags;
    FileDescriptor next(::openat(at.get(), name.c_str(), how));
    if (!next && errno == ENOENT) {
      if (::mkdirat(at.get(), name.c_str(), mode) != 0 && errno != EEXIST) {
        return system_failure("make folder", whole);
      }
      // The new entry must outlast a power cut, as the file in it will.
      ::fsync(at.get());
      next.reset(::openat(at.get(), name.c_str(), how));
    }
    if (!next) return system_failure("open folder", whole);
    at = std::move(next);
  }
  return at;
}

}  // namespace

Result<std::shared_ptr<OutputFolder>> OutputFolder::open(const std::string& folder, std::string_view below,
                                                         unsigned mode) {
  auto made = std::make_shared<OutputFolder>();
  made->path_ = folder + std::string(below);
  FileDescriptor root(::open(folder.starts_with('/') ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return system_failure("open folder", made->path_);
  auto at = descend(std::move(root), folder, made->path_, 0, mode);
  if (!at) return pass_on(at);
  for (std::string_view rest = below; !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    if (rest.substr(0, slash) == "..") return failure(fmt::format("'{}' leads out of its folder", made->path_));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  at = descend(std::move(*at), below, made->path_, O_NOFOLLOW, mode);
  if (!at) return pass_on(at);
  made->fd_ = std::move(*at);
  return made;
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
  FileDescriptor file(::openat(fd_.get(), name.c_str(), kFlags, mode));
  if (!file && errno == EEXIST) {
    ::unlinkat(fd_.get(), name.c_str(), 0);
    file.reset(::openat(fd_.get(), name.c_str(), kFlags, mode));
  }
  // Whatever the umask.
  if (!file || ::fchmod(file.get(), mode) != 0) return system_failure("make", path_of(name));
  return file;
}

Result<FileDescriptor> OutputFolder::open_to_append(const std::string& name, unsigned mode) const {
  const auto there = has_file(name);
  if (!there) return pass_on(there);
  if (!*there) return create(name, mode);
  FileDescriptor file(::openat(fd_.get(), name.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return system_failure("open", path_of(name));
  return file;
}

Result<FileDescriptor> OutputFolder::open_to_read(const std::string& name) const {
  FileDescriptor file(::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return system_failure("open", path_of(name));
  return file;
}

Result<> OutputFolder::rename(const std::string& from, const std::string& to, bool keep) const {
  if (const auto there = has_file(to); !there) return pass_on(there);
  if (::renameat2(fd_.get(), from.c_str(), fd_.get(), to.c_str(), keep ? RENAME_NOREPLACE : 0U) == 0) return {};
  if (errno == EEXIST) return there_already(path_of(to));
  return system_failure("rename a file to", path_of(to));
}

void OutputFolder::remove(const std::string& name) const {
  ::unlinkat(fd_.get(), name.c_str(), 0);
}

Result<> OutputFolder::sync() const {
  if (::fsync(fd_.get()) != 0) return system_failure("sync folder", path_.empty() ? "." : path_);
  return {};
}

std::unexpected<Error> FilePlace::exists_failure() const {
  return there_already(path());
}

Result<FilePlace> OutputFolders::find(const std::string& path, std::size_t fixed) {
  const std::size_t slash = path.rfind('/') + 1;
  const std::string folder = path.substr(0, slash);
  std::string name = path.substr(slash);
  if (name.empty() || name == "." || name == "..") {
    return failure(fmt::format("'{}' names a folder, not a file", path));
  }
  const std::lock_guard lock(mutex_);
  auto known = known_.find(folder);
  if (known == known_.end()) {
    fixed = std::min(fixed, slash);
    auto opened =
        OutputFolder::open(below_folder(working_folder_, folder.substr(0, fixed)), folder.substr(fixed), mode_);
    if (!opened) return pass_on(opened);
    if (known_.size() >= kOpenFolders) known_.clear();
    known = known_.emplace(folder, std::move(*opened)).first;
  }
  return FilePlace{known->second, std::move(name)};
}

}  // namespace streamrun
