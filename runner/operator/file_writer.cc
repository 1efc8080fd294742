#include "runner/operator/file_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace streamrun {
namespace {

constexpr std::size_t kWriteBytes = std::size_t{256} << 10;
constexpr std::uint64_t kSendBytes = std::uint64_t{8} << 20;

}  // namespace

void FileWriter::open(FileDescriptor file, std::uint64_t size) {
  file_ = std::move(file);
  start_at(size);
}

// Room is made before anything is taken.
Result<> FileWriter::add(std::string_view bytes) {
  const bool large = compression_ == Compression::none && bytes.size() >= kWriteBytes / 4;
  if (large || buffer_.size() >= kWriteBytes) {
    if (auto written = flush(); !written) return written;
  }
  if (large) return write(bytes);
  if (compression_ == Compression::none) {
    buffer_ += bytes;
    return {};
  }
  if (!compressor_) compressor_ = make_compressor(compression_);
  return compressor_->add(bytes, buffer_);
}

Result<> FileWriter::copy(int from, std::string_view name) {
  std::string bytes(kWriteBytes, '\0');
  for (;;) {
    const ssize_t n = ::read(from, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("read", name);
    if (n == 0) return {};
    if (auto done = write({bytes.data(), static_cast<std::size_t>(n)}); !done) return done;
  }
}

Result<> FileWriter::rest() {
  if (auto ended = end_member(); !ended) return ended;
  return close();
}

Result<> FileWriter::sync() {
  // An empty file is a compressed one too.
  if (compression_ != Compression::none && size() == 0) {
    if (auto added = add({}); !added) return added;
  }
  if (auto ended = end_member(); !ended) return ended;
  if (disk_.sync(file_.get()) != 0) return system_failure("sync", name_, ErrorKind::fatal);
  return {};
}

Result<> FileWriter::close() {
  if (file_ && disk_.close(file_.release()) != 0 && errno != EINTR) {
    return system_failure("close", name_, ErrorKind::fatal);
  }
  return {};
}

void FileWriter::forget() {
  compressor_.reset();
  buffer_.clear();
}

Result<> FileWriter::end_member() {
  if (compressor_) {
    if (auto ended = compressor_->finish(buffer_); !ended) return ended;
    compressor_.reset();
  }
  if (auto written = flush(); !written) return written;
  buffer_.shrink_to_fit();
  return {};
}

Result<> FileWriter::flush() {
  if (buffer_.empty()) return {};
  if (auto written = write(buffer_); !written) return written;
  buffer_.clear();
  return {};
}

Result<> FileWriter::write(std::string_view bytes) {
  std::uint64_t at = written_;
  if (see_) {
    if (auto seen = see_(at, bytes); !seen) return seen;
  }
  while (!bytes.empty()) {
    const ssize_t n = disk_.write(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return cut_back(at, system_failure("write", name_));
    at += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  written_ = at;
  if (written_ - sent_ >= kSendBytes) {
    // The disk works while rows are still computed; else the sync at the end would wait for all of it.
    ::sync_file_range(file_.get(), static_cast<off_t>(sent_), static_cast<off_t>(written_ - sent_),
                      SYNC_FILE_RANGE_WRITE);
    sent_ = written_;
  }
  return {};
}

// Others' bytes, where another program writes to the file too, are not cut.
std::unexpected<Error> FileWriter::cut_back(std::uint64_t at, std::unexpected<Error> failed) {
  if (at == written_) return failed;
  const auto size = file_size(file_, name_);
  if (size && *size == at && disk_.truncate(file_.get(), static_cast<off_t>(written_)) == 0) return failed;
  const std::string why = !size ? size.error().message : *size == at ? std::strerror(errno) : "its size is another";
  return failure(fmt::format("{}; {} bytes of it are in the file and cannot be cut off: {}", failed.error().message,
                             at - written_, why),
                 ErrorKind::fatal);
}

}  // namespace streamrun
