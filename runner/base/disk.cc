#include "runner/base/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace streamrun {

int Disk::open(int folder, const char* name, int flags, mode_t mode) {
  return ::openat(folder, name, flags, mode);
}

ssize_t Disk::write(int file, const char* bytes, std::size_t size, off_t at) {
  return at == kHere ? ::write(file, bytes, size) : ::pwrite(file, bytes, size, at);
}

int Disk::truncate(int file, off_t size) {
  return ::ftruncate(file, size);
}

int Disk::sync(int file) {
  return ::fsync(file);
}

int Disk::close(int file) {
  return ::close(file);
}

int Disk::rename(int folder, const char* from, const char* to, unsigned flags) {
  if (::renameat2(folder, from, folder, to, flags) == 0) return 0;
  if (flags != RENAME_NOREPLACE || errno != EINVAL) return -1;
  // File systems that do not know the flag know links.
  if (::linkat(folder, from, folder, to, 0) != 0) return -1;
  return ::unlinkat(folder, from, 0);
}

int Disk::unlink(int folder, const char* name) {
  return ::unlinkat(folder, name, 0);
}

std::uint64_t Disk::available(int file) const {
  struct statvfs found{};
  if (::fstatvfs(file, &found) != 0) return ~std::uint64_t{0};
  return std::uint64_t{found.f_bavail} * found.f_frsize;
}

std::string Disk::boot() const {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id.substr(0, 8);
}

Disk& Disk::real() {
  static Disk disk;
  return disk;
}

}  // namespace streamrun
