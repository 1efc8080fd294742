#include "runner/exec/checkpoint_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <utility>

namespace streamrun {
namespace {

constexpr std::string_view kMade = "a log was made\n";

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "?";
  return name.data();
}

// Nothing can be written there, nobody runs with it, and all that was written has been folded into the database.
bool stands_still(const std::string& folder) {
  struct stat log{};
  const bool folded = ::stat((CheckpointFolder::database(folder) + "-wal").c_str(), &log) != 0 || log.st_size == 0;
  if (!folded || ::access(folder.c_str(), W_OK) == 0) return false;
  const FileDescriptor lock(::open((folder + "/lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) == 0;
}

}  // namespace

Result<std::unique_ptr<Database>> open_to_read(const std::string& folder) {
  return Database::open(CheckpointFolder::database(folder),
                        stands_still(folder) ? Database::Access::read_unchanging : Database::Access::read);
}

Result<CheckpointFolder> CheckpointFolder::open(const std::string& path) {
  // A slash at its end would make it a parent, with other rights.
  CheckpointFolder folder(path.substr(0, path.find_last_not_of('/') + 1));
  auto done = folder.make();
  if (done) done = folder.take_lock();
  if (!done) return pass_on(done);
  return folder;
}

Result<> CheckpointFolder::make() {
  std::error_code code;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), code);
  if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) return system_failure("make the folder", path_);
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return system_failure("look at", path_);
  if (!S_ISDIR(status.st_mode)) {
    return failure(fmt::format("'{}' is no folder; a checkpoint needs one of its own", path_));
  }
  std::string other;
  for (const auto& entry : std::filesystem::directory_iterator(path_, code)) {
    const std::string path = entry.path();
    has_database_ = has_database_ || path == database();
    if (!path.starts_with(database()) && path != lock_path()) other = entry.path().filename();
  }
  if (code) return failure(fmt::format("cannot read the folder '{}': {}", path_, code.message()));
  if (has_database_ || other.empty()) return {};
  return failure(fmt::format("'{}' holds '{}' and no checkpoint; give `checkpoint` a folder of its own", path_, other));
}

Result<> CheckpointFolder::take_lock() {
  lock_.reset(::open(lock_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_) return system_failure("open", lock_path());
  const bool free = ::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
  if (!free && errno != EWOULDBLOCK) return system_failure("lock", lock_path());
  std::array<char, 512> bytes{};
  const ssize_t n = ::pread(lock_.get(), bytes.data(), bytes.size() - 1, 0);
  const std::string_view former(bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  if (!free) {
    return failure(fmt::format("another instance runs with the checkpoint '{}': {}; a checkpoint serves one at a time",
                               path_, former.substr(0, former.find('\n'))));
  }
  had_log_ = former.ends_with(kMade);
  return write_lock();
}

Result<> CheckpointFolder::write_lock() const {
  const std::string own = fmt::format("process {} on {}\n{}", ::getpid(), host_name(), had_log_ ? kMade : "");
  if (::ftruncate(lock_.get(), 0) != 0 ||
      ::pwrite(lock_.get(), own.data(), own.size(), 0) != static_cast<ssize_t>(own.size()) ||
      ::fsync(lock_.get()) != 0) {
    return system_failure("write", lock_path());
  }
  return {};
}

Result<> CheckpointFolder::note_log() {
  const FileDescriptor opened(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return system_failure("open", path_);
  if (::fsync(opened.get()) != 0) return system_failure("sync", path_, ErrorKind::fatal);
  had_log_ = true;
  return write_lock();
}

Result<> CheckpointFolder::remove_database() {
  for (const char* const ending : {"-wal", "-shm", ""}) {
    const std::string path = database() + ending;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_failure("remove", path);
  }
  has_database_ = had_log_ = false;
  return {};
}

bool CheckpointFolder::removed() {
  struct stat status{};
  if (::fstat(lock_.get(), &status) != 0 || status.st_nlink == 0) return true;
  for (const std::string& path : {database(), database() + "-wal"}) {
    const bool there = ::stat(path.c_str(), &status) == 0;
    if (!there && errno != ENOENT) continue;
    const auto seen = seen_.find(path);
    if (seen != seen_.end() && (!there || seen->second != status.st_ino)) return true;
    if (there) seen_[path] = status.st_ino;
  }
  return false;
}

}  // namespace streamrun
