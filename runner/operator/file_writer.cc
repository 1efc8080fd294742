#include "runner/operator/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace streamrun {
namespace {

constexpr std::size_t kWriteBytes = std::size_t{256} << 10;
constexpr std::uint64_t kSendBytes = std::uint64_t{8} << 20;

}  // namespace

void FileWriter::open(FileDescriptor file, std::uint64_t size) {
  file_ = std::move(file);
  written_ = sent_ = size;
}

Result<> FileWriter::add(std::string_view bytes) {
  if (compression_ != Compression::none) {
    if (!compressor_) compressor_ = make_compressor(compression_);
    if (auto added = compressor_->add(bytes, buffer_); !added) return added;
  } else if (bytes.size() >= kWriteBytes / 4) {
    // Large pieces go straight to the file.
    if (auto written = flush(); !written) return written;
    if (auto written = write(bytes); !written) return written;
  } else {
    buffer_ += bytes;
  }
  return buffer_.size() >= kWriteBytes ? flush() : Result<>{};
}

Result<> FileWriter::rest() {
  if (auto ended = end_member(); !ended) return ended;
  return file_.close(name_);
}

Result<> FileWriter::finish() {
  // An empty file is a compressed one too.
  if (compression_ != Compression::none && size() == 0) {
    if (auto added = add({}); !added) return added;
  }
  if (auto ended = end_member(); !ended) return ended;
  if (::fsync(file_.get()) != 0) return system_failure("sync", name_);
  return file_.close(name_);
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
  if (auto written = write_all(file_.get(), bytes, name_); !written) return written;
  written_ += bytes.size();
  if (written_ - sent_ >= kSendBytes) {
    // The disk works while rows are still computed; else the sync at the end would wait for all of it.
    ::sync_file_range(file_.get(), static_cast<off_t>(sent_), static_cast<off_t>(written_ - sent_),
                      SYNC_FILE_RANGE_WRITE);
    sent_ = written_;
  }
  return {};
}

}  // namespace streamrun
