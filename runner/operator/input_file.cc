#include "runner/operator/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "runner/data/record_splitter.h"
#include "runner/operator/source.h"

namespace streamrun {

// What a compressed file holds, read up to a position.
class UnpackedFile {
 public:
  UnpackedFile(std::unique_ptr<ByteInput> input, std::string name, FileId id)
      : input_(std::move(input)), name_(std::move(name)), id_(id) {}

  bool can_go_to(std::string_view name, FileId id, std::uint64_t position) const {
    return name_ == name && id_ == id && position + kept_.size() >= behind_;
  }

  // Within what is kept, or on.
  Result<> go_to(std::uint64_t position) {
    if (position < behind_) {
      at_ = position;
      return {};
    }
    kept_.clear();
    at_ = behind_;
    std::vector<char> skipped(position == at_ ? 0 : kMorselBytes);
    while (at_ < position) {
      const auto n = read(skipped.data(), std::min<std::uint64_t>(position - at_, skipped.size()), false);
      if (!n) return pass_on(n);
      if (*n == 0) return failure(fmt::format("'{}' is shorter than it was: it was cut or replaced", name_));
    }
    return {};
  }

  Result<std::size_t> read(char* into, std::size_t size, bool keep) {
    if (at_ < behind_) {
      const std::string_view left = std::string_view(kept_).substr(kept_.size() - (behind_ - at_), size);
      std::ranges::copy(left, into);
      at_ += left.size();
      return left.size();
    }
    const auto n = input_->read(into, size);
    if (!n) return n;
    at_ = behind_ += *n;
    kept_.assign(into, keep ? *n : 0);
    return n;
  }

  std::uint64_t position() const { return at_; }

 private:
  std::unique_ptr<ByteInput> input_;
  std::string name_;
  FileId id_;
  std::string kept_;          // what the last read gave, if it is to be gone back into
  std::uint64_t behind_ = 0;  // position behind kept_
  std::uint64_t at_ = 0;
};

namespace {

// Bytes of an unpacked file up to `end`. Who reads to the end of all may stop within what he has read.
class UnpackedRange final : public ByteInput {
 public:
  UnpackedRange(std::unique_ptr<UnpackedFile> file, std::uint64_t end, std::shared_ptr<Unpacked> back)
      : file_(std::move(file)), end_(end), back_(std::move(back)) {}
  ~UnpackedRange() override {
    if (back_ && !failed_) back_->leave(std::move(file_));
  }

  Result<std::size_t> read(char* into, std::size_t size) override {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, end_ - file_->position()));
    if (size == 0) return std::size_t{0};
    auto n = file_->read(into, size, back_ && end_ == kToEnd);
    failed_ = !n;
    return n;
  }

 private:
  std::unique_ptr<UnpackedFile> file_;
  std::uint64_t end_;
  std::shared_ptr<Unpacked> back_;
  bool failed_ = false;
};

}  // namespace

Unpacked::Unpacked() = default;
Unpacked::~Unpacked() = default;

std::unique_ptr<UnpackedFile> Unpacked::take(std::string_view name, FileId id, std::uint64_t begin) {
  const std::lock_guard lock(mutex_);
  if (!file_ || !file_->can_go_to(name, id, begin)) return nullptr;
  return std::move(file_);
}

void Unpacked::leave(std::unique_ptr<UnpackedFile> file) {
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
}

namespace {

// Of a first or a last block that a hash takes in.
constexpr std::uint64_t kHashedBlock = 4096;

std::string_view kind_of(mode_t mode) {
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a regular file";
}

// Up to `size` bytes at `offset`, fewer at the end of the file.
Result<std::size_t> read_at(const FileDescriptor& file, char* into, std::size_t size, std::uint64_t offset,
                            std::string_view name) {
  std::size_t there = 0;
  while (there != size) {
    const ssize_t n = ::pread(file.get(), into + there, size - there, static_cast<off_t>(offset + there));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure(system_failure("read", name).error().message, ErrorKind::transient);
    if (n == 0) break;
    there += static_cast<std::size_t>(n);
  }
  return there;
}

Result<Compression> find_compression(const FileDescriptor& file, std::string_view name) {
  // Who writes many such frames writes others between them.
  constexpr int kFrames = 100;
  std::uint64_t at = 0;
  for (int i = 0; i < kFrames; ++i) {
    char first[kMagicBytes];
    const auto n = read_at(file, first, sizeof first, at, name);
    if (!n) return pass_on(n);
    const std::string_view bytes(first, *n);
    const Compression found = compression_of(bytes);
    const std::uint64_t frame = skipped_frame(bytes);
    if (found != Compression::none) return found;
    if (frame == 0) return *n == 0 && at != 0 ? Compression::zstd : Compression::none;
    at += frame;
  }
  return Compression::zstd;
}

// Files of /proc and /sys say 0 or a page, whatever they hold.
bool tells_size(const FileDescriptor& file, const struct stat& status) {
  char byte;
  if (status.st_size == 0) return ::pread(file.get(), &byte, 1, 0) != 1;
  return status.st_blocks != 0 || ::pread(file.get(), &byte, 1, status.st_size - 1) == 1;
}

// A file up to its end, wherever that is.
class UntoldFile final : public ByteInput {
 public:
  UntoldFile(FileDescriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    auto n = read_at(file_, into, size, at_, name_);
    if (n) at_ += *n;
    return n;
  }

 private:
  FileDescriptor file_;
  std::string name_;
  std::uint64_t at_ = 0;
};

}  // namespace

Result<InputFile> InputFile::open(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file) return of(std::move(file), path);
  if (errno == ENOENT) {
    return failure(fmt::format("there is no file '{}'; `path` is relative to the working directory", path),
                   ErrorKind::transient);
  }
  return failure(system_failure("open", path).error().message, ErrorKind::transient);
}

Result<InputFile> InputFile::of(FileDescriptor file, std::string name) {
  InputFile made;
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure("look at", name);
  if (S_ISDIR(status.st_mode)) {
    const std::string_view slash = name.ends_with('/') ? "" : "/";
    return failure(fmt::format("'{}' is a folder; to read the files in it, write '{}{}*'", name, name, slash));
  }
  if (!S_ISREG(status.st_mode)) {
    return failure(
        fmt::format("'{}' is {}, not a regular file; source `stdin` reads what flows", name, kind_of(status.st_mode)));
  }
  made.size_ = static_cast<std::uint64_t>(status.st_size);
  made.id_ = {status.st_dev, status.st_ino};
  const auto compression = find_compression(file, name);
  if (!compression) return pass_on(compression);
  made.compression_ = *compression;
  made.untold_ = !tells_size(file, status);
  made.file_ = std::move(file);
  made.name_ = std::move(name);
  return made;
}

Result<InputFile> InputFile::duplicate() const {
  InputFile made;
  made.file_.reset(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  if (!made.file_) return failure(system_failure("open", name_).error().message, ErrorKind::transient);
  made.name_ = name_;
  made.size_ = size_;
  made.id_ = id_;
  made.untold_ = untold_;
  made.compression_ = compression_;
  return made;
}

Result<std::uint64_t> InputFile::hash(std::uint64_t bytes) const {
  char blocks[2 * kHashedBlock];
  const std::uint64_t first = std::min(bytes, kHashedBlock);
  const std::uint64_t last = std::min(bytes - first, kHashedBlock);
  const auto begin = read_at(file_, blocks, first, 0, name_);
  if (!begin) return begin;
  const auto end = read_at(file_, blocks + *begin, last, bytes - last, name_);
  if (!end) return end;
  return XXH3_64bits(blocks, *begin + *end);
}

Result<std::unique_ptr<ByteInput>> InputFile::bytes(std::uint64_t begin, std::uint64_t end,
                                                    std::shared_ptr<Unpacked> unpacked) && {
  if (!streamed()) {
    if (end == kToEnd) end = std::max(size_, begin);
    if (size_ < end) {
      return failure(fmt::format("'{}' has {} bytes, but bytes {} to {} were planned: it was cut or replaced; put the "
                                 "file back, or start afresh",
                                 name_, size_, begin, end),
                     ErrorKind::transient);
    }
    return read_file_range(std::move(file_), name_, begin, end);
  }
  std::unique_ptr<UnpackedFile> file = unpacked ? unpacked->take(name_, id_, begin) : nullptr;
  if (!file) {
    auto whole = untold_ ? std::make_unique<UntoldFile>(std::move(file_), name_)
                         : read_file_range(std::move(file_), name_, 0, size_);
    file = std::make_unique<UnpackedFile>(decompress(compression_, std::move(whole), name_), name_, id_);
  }
  if (auto there = file->go_to(begin); !there) return pass_on(there);
  return std::make_unique<UnpackedRange>(std::move(file), end, std::move(unpacked));
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
      const std::uint64_t records = there / length + (rest ? 1 : 0);
      return Extent{rest ? there : there / length * length, records, records, true};
    }
    there += *n;
  }
  return Extent{most * length, most, most, false};
}

}  // namespace

Result<Extent> measure(ByteInput& input, const RecordFraming& framing, bool at_start, const ExtentLimits& limits) {
  if (framing.length != 0) return measure_fixed(input, framing.length, limits);
  RecordSplitter splitter(framing, at_start);
  std::vector<char> buffer(kMorselBytes);
  Extent extent;
  bool header = framing.header && at_start;
  std::uint64_t tail = 0;  // bytes behind the last record's end
  bool full = false;
  const auto take = [&](std::uint64_t bytes, std::uint64_t lines) {
    full = extent.records != 0 && extent.bytes + bytes > limits.bytes;
    if (full) return false;
    extent.bytes += bytes;
    extent.lines += lines;
    extent.records += std::exchange(header, false) ? 0 : 1;
    full = extent.records == limits.records || extent.bytes >= limits.bytes;
    return true;
  };
  for (;;) {
    const auto n = input.read(buffer.data(), buffer.size());
    if (!n) return pass_on(n);
    if (*n == 0) break;
    std::size_t behind = 0;
    splitter.scan({buffer.data(), *n}, [&](std::size_t end, std::uint64_t lines) {
      if (!take(std::exchange(tail, 0) + (end - std::exchange(behind, end)), lines)) return false;
      return !full;
    });
    if (full) return extent;
    tail += *n - behind;
  }
  extent.whole = true;
  if (tail == 0 || !limits.last_counts) return extent;
  extent.whole = take(tail, splitter.lines() + 1);
  return extent;
}

}  // namespace streamrun
