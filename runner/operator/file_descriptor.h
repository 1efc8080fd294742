// Descriptors that close themselves, and whole reads and writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "runner/base/disk.h"
#include "runner/base/result.h"

namespace streamrun {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1);
  // Nobody closes it from now on but whoever takes it.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// `cannot WHAT 'NAME': TEXT OF ERRNO`, of errno as it stands.
[[nodiscard]] std::unexpected<Error> system_failure(std::string_view what, std::string_view name,
                                                    ErrorKind kind = ErrorKind::transient);

// All of `bytes`, where the descriptor stands; after a failure they are those that are left. `name` is for messages.
Result<> write_rest(Disk& disk, int fd, std::string_view& bytes, std::string_view name);
inline Result<> write_all(int fd, std::string_view bytes, std::string_view name) {
  return write_rest(Disk::real(), fd, bytes, name);
}

// Bytes of a file.
Result<std::uint64_t> file_size(const FileDescriptor& file, std::string_view name);

// `path` below `folder` where it is relative.
std::string below_folder(const std::string& folder, const std::string& path);

}  // namespace streamrun
