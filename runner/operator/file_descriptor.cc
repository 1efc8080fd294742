#include "runner/operator/file_descriptor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace streamrun {

void FileDescriptor::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

std::unexpected<Error> system_failure(std::string_view what, std::string_view name, ErrorKind kind) {
  const int code = errno;
  std::string message = fmt::format("cannot {} '{}': {}", what, name, std::strerror(code));
  errno = code;  // callers may still ask
  return failure(std::move(message), code == EPIPE ? ErrorKind::reader_gone : kind);
}

Result<> write_rest(Disk& disk, int fd, std::string_view& bytes, std::string_view name) {
  while (!bytes.empty()) {
    const ssize_t n = disk.write(fd, bytes.data(), bytes.size(), Disk::kHere);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd one{fd, POLLOUT, 0};
      ::poll(&one, 1, -1);
    } else if (errno != EINTR) {
      return system_failure("write", name);
    }
  }
  return {};
}

Result<std::uint64_t> file_size(const FileDescriptor& file, std::string_view name) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure("look at", name);
  return static_cast<std::uint64_t>(status.st_size);
}

std::string below_folder(const std::string& folder, const std::string& path) {
  if (folder.empty() || path.starts_with('/')) return path;
  return folder.ends_with('/') ? folder + path : folder + "/" + path;
}

}  // namespace streamrun
