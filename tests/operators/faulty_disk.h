// A disk that fails where it is told to, and forgets what was not synced.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner/base/disk.h"

namespace streamrun {

class FaultyDisk final : public Disk {
 public:
  enum class Call : std::uint8_t { open, write, truncate, sync, close, rename, unlink };
  struct Fault {
    Call call = Call::write;
    int error = ENOSPC;
    int passes = 0;               // calls that work before
    int times = 1;                // that fail then
    std::size_t short_write = 0;  // of the last that works: it writes so many bytes
  };
  void fail(Fault fault) { faults_.push_back(fault); }
  void heal() { faults_.clear(); }
  // Room for so many bytes more; then ENOSPC, after what still goes in.
  void leave_room(std::size_t bytes) { room_ = bytes; }
  void make_room() { room_.reset(); }
  int calls(Call call) const { return calls_[static_cast<std::size_t>(call)]; }
  // The power is cut: what was not synced is gone, and the machine starts anew.
  void crash();
  // As if it had been started anew with all that is on the disk.
  void start_machine() { ++boots_; }
  // At the next sync the process ends.
  void kill_at_sync() { kills_ = true; }

  int open(int folder, const char* name, int flags, mode_t mode) override;
  ssize_t write(int file, const char* bytes, std::size_t size, off_t at) override;
  int truncate(int file, off_t size) override;
  int sync(int file) override;
  int close(int file) override;
  int rename(int folder, const char* from, const char* to, unsigned flags) override;
  int unlink(int folder, const char* name) override;
  std::uint64_t available(int file) const override { return room_ ? *room_ : Disk::available(file); }
  std::string boot() const override { return "boot" + std::to_string(boots_); }

 private:
  using Number = std::pair<dev_t, ino_t>;
  struct File {
    int descriptor = -1;
    off_t synced = 0;
  };
  // An entry of a folder as it was before a change; empty: there was none.
  struct Entry {
    int folder = -1;
    Number number;  // of the folder
    std::string name;
    std::string kept;
  };

  bool fails(Call call);
  static Number number_of(int file);
  void touch(int file);
  void remember(int folder, const char* name);

  std::mutex mutex_;
  std::deque<Fault> faults_;
  std::optional<std::size_t> room_;
  int calls_[7] = {};
  std::map<Number, File> files_;
  std::vector<Entry> entries_;  // changed since their folder was synced, oldest first
  int kept_ = 0;
  int boots_ = 0;
  bool kills_ = false;
};

inline bool FaultyDisk::fails(Call call) {
  ++calls_[static_cast<std::size_t>(call)];
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (fault->call != call) continue;
    if (fault->passes-- > 0) return false;
    errno = fault->error;
    if (--fault->times == 0) faults_.erase(fault);
    return true;
  }
  return false;
}

inline FaultyDisk::Number FaultyDisk::number_of(int file) {
  struct stat status{};
  ::fstat(file, &status);
  return {status.st_dev, status.st_ino};
}

inline void FaultyDisk::touch(int file) {
  struct stat status{};
  ::fstat(file, &status);
  if (!S_ISREG(status.st_mode)) return;
  File& known = files_[number_of(file)];
  if (known.descriptor >= 0) return;
  known.synced = status.st_size;
  known.descriptor = ::open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_WRONLY | O_CLOEXEC);
}

inline void FaultyDisk::remember(int folder, const char* name) {
  Entry entry{::fcntl(folder, F_DUPFD_CLOEXEC, 0), number_of(folder), name, {}};
  const std::string kept = "kept-" + std::to_string(kept_++);
  // Outside of any folder that a test looks into: beside the root of the temporary files.
  if (::linkat(folder, name, AT_FDCWD, ("/tmp/" + kept + "-" + std::to_string(::getpid())).c_str(), 0) == 0) {
    entry.kept = "/tmp/" + kept + "-" + std::to_string(::getpid());
  }
  entries_.push_back(std::move(entry));
}

inline int FaultyDisk::open(int folder, const char* name, int flags, mode_t mode) {
  const std::scoped_lock lock(mutex_);
  // Folders are opened too often to be counted.
  const bool of_folder = (flags & O_DIRECTORY) != 0 && (flags & O_TMPFILE) != O_TMPFILE;
  if (!of_folder && fails(Call::open)) return -1;
  const bool makes = (flags & O_CREAT) != 0 && ::faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  if (makes) remember(folder, name);
  const int file = Disk::open(folder, name, flags, mode);
  if (file >= 0 && (flags & (O_WRONLY | O_RDWR)) != 0) touch(file);
  return file;
}

inline ssize_t FaultyDisk::write(int file, const char* bytes, std::size_t size, off_t at) {
  const std::scoped_lock lock(mutex_);
  for (Fault& fault : faults_) {
    if (fault.call == Call::write && fault.passes == 1 && fault.short_write != 0) {
      size = std::min(size, fault.short_write);
    }
  }
  if (fails(Call::write)) return -1;
  if (room_) {
    size = std::min(size, *room_);
    if (size == 0) {
      errno = ENOSPC;
      return -1;
    }
    *room_ -= size;
  }
  return Disk::write(file, bytes, size, at);
}

inline int FaultyDisk::truncate(int file, off_t size) {
  const std::scoped_lock lock(mutex_);
  return fails(Call::truncate) ? -1 : Disk::truncate(file, size);
}

inline int FaultyDisk::sync(int file) {
  const std::scoped_lock lock(mutex_);
  if (kills_) ::kill(::getpid(), SIGKILL);
  if (fails(Call::sync)) return -1;
  struct stat status{};
  ::fstat(file, &status);
  const Number number = number_of(file);
  if (S_ISDIR(status.st_mode)) {
    std::erase_if(entries_, [&](const Entry& entry) {
      if (entry.number != number) return false;
      if (!entry.kept.empty()) ::unlink(entry.kept.c_str());
      ::close(entry.folder);
      return true;
    });
  } else if (const auto known = files_.find(number); known != files_.end()) {
    known->second.synced = status.st_size;
  }
  return 0;
}

inline int FaultyDisk::close(int file) {
  const std::scoped_lock lock(mutex_);
  const int done = Disk::close(file);
  return fails(Call::close) ? -1 : done;
}

inline int FaultyDisk::rename(int folder, const char* from, const char* to, unsigned flags) {
  const std::scoped_lock lock(mutex_);
  if (fails(Call::rename)) return -1;
  remember(folder, to);
  remember(folder, from);
  return Disk::rename(folder, from, to, flags);
}

inline int FaultyDisk::unlink(int folder, const char* name) {
  const std::scoped_lock lock(mutex_);
  if (fails(Call::unlink)) return -1;
  remember(folder, name);
  return Disk::unlink(folder, name);
}

inline void FaultyDisk::crash() {
  const std::scoped_lock lock(mutex_);
  for (; !entries_.empty(); entries_.pop_back()) {
    const Entry& entry = entries_.back();
    ::unlinkat(entry.folder, entry.name.c_str(), 0);
    if (!entry.kept.empty()) {
      ::linkat(AT_FDCWD, entry.kept.c_str(), entry.folder, entry.name.c_str(), 0);
      ::unlink(entry.kept.c_str());
    }
    ::close(entry.folder);
  }
  for (auto& [number, file] : files_) {
    struct stat status{};
    if (::fstat(file.descriptor, &status) == 0 && status.st_size > file.synced) {
      static_cast<void>(!::ftruncate(file.descriptor, file.synced));
    }
    ::close(file.descriptor);
  }
  files_.clear();
  faults_.clear();
  room_.reset();
  ++boots_;
}

}  // namespace streamrun
