#include "runner/operator/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "runner/operator/record_reader.h"
#include "runner/operator/source.h"

namespace streamrun {

Result<InputFile> InputFile::open(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file) return of(std::move(file), path);
  if (errno == ENOENT) {
    return failure(fmt::format("there is no file '{}'; `path` is relative to the working directory", path));
  }
  return system_failure("open", path);
}

Result<InputFile> InputFile::of(FileDescriptor file, std::string name) {
  InputFile made;
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure("look at", name);
  if (!S_ISREG(status.st_mode)) {
    return failure(fmt::format("'{}' is not a regular file; source `stdin` reads what flows", name));
  }
  made.size_ = static_cast<std::uint64_t>(status.st_size);
  made.inode_ = status.st_ino;
  char magic[kMagicBytes];
  const ssize_t n = ::pread(file.get(), magic, sizeof magic, 0);
  if (n < 0) return system_failure("read", name);
  made.compression_ = compression_of({magic, static_cast<std::size_t>(n)});
  made.file_ = std::move(file);
  made.name_ = std::move(name);
  return made;
}

Result<std::unique_ptr<ByteInput>> InputFile::bytes(std::uint64_t begin, std::uint64_t end) && {
  if (!compressed()) {
    if (end == kToEnd) end = std::max(size_, begin);
    if (size_ < end) {
      return failure(
          fmt::format("'{}' has {} bytes, but bytes {} to {} were planned: it was cut or replaced; put the "
                      "file back, or start afresh",
                      name_, size_, begin, end));
    }
    return read_file_range(std::move(file_), name_, begin, end);
  }
  auto input = decompress(compression_, read_file_range(std::move(file_), name_, 0, size_), name_);
  std::vector<char> skipped(begin == 0 ? 0 : kMorselBytes);
  while (begin != 0) {
    const auto n =
        input->read(skipped.data(), static_cast<std::size_t>(std::min<std::uint64_t>(begin, skipped.size())));
    if (!n) return pass_on(n);
    if (*n == 0) return failure(fmt::format("'{}' is shorter than it was: it was cut or replaced", name_));
    begin -= *n;
  }
  return input;
}

namespace {

Result<Extent> measure_fixed(ByteInput& input, std::uint64_t length, const ExtentLimits& limits) {
  const std::uint64_t most = std::min(limits.records, std::max<std::uint64_t>(1, limits.bytes / length));
  std::vector<char> buffer(kMorselBytes);
  std::uint64_t there = 0;
  for (; there / length < most;) {
    const auto n = input.read(buffer.data(), buffer.size());
    if (!n) return pass_on(n);
    if (*n == 0) {
      const bool rest = there % length != 0 && limits.last_counts;
      return Extent{rest ? there : there / length * length, there / length + (rest ? 1 : 0), true};
    }
    there += *n;
  }
  return Extent{most * length, most, false};
}

}  // namespace

Result<Extent> measure(ByteInput& input, std::uint32_t record_length, const ExtentLimits& limits) {
  if (record_length != 0) return measure_fixed(input, record_length, limits);
  std::vector<char> buffer(kMorselBytes);
  Extent extent;
  std::uint64_t tail = 0;  // bytes behind the last line end seen
  const auto fits = [&](std::uint64_t more) { return extent.records == 0 || extent.bytes + more <= limits.bytes; };
  for (;;) {
    const auto n = input.read(buffer.data(), buffer.size());
    if (!n) return pass_on(n);
    if (*n == 0) break;
    std::size_t at = 0;
    while (at < *n) {
      // Line by line only where the byte limit may be near.
      const bool careful = limits.bytes - extent.bytes < tail + *n;
      std::uint64_t lines = careful ? 1 : limits.records - extent.records;
      const std::size_t used = skip_lines(buffer.data() + at, *n - at, lines);
      if (lines == 0) break;
      if (!fits(tail + used)) return extent;
      extent.bytes += tail + used;
      extent.records += lines;
      tail = 0;
      at += used;
      if (extent.records == limits.records || extent.bytes >= limits.bytes) return extent;
    }
    tail += *n - at;
  }
  extent.whole = true;
  if (tail == 0 || !limits.last_counts) return extent;
  if (!fits(tail)) {
    extent.whole = false;
    return extent;
  }
  extent.bytes += tail;
  ++extent.records;
  return extent;
}

}  // namespace streamrun
