// Regular files that are read in order, compressed or not. Positions count bytes of what a file holds.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// An end that is all there is.
constexpr std::uint64_t kToEnd = ~std::uint64_t{0} >> 1U;

class UnpackedFile;

// Where a compressed file stays open between the batches that read it: it can only be read from its start. Thread-safe.
class Unpacked {
 public:
  Unpacked();
  ~Unpacked();
  // Null, unless the file left here can go on at `begin`.
  std::unique_ptr<UnpackedFile> take(std::string_view name, std::uint64_t inode, std::uint64_t begin);
  void leave(std::unique_ptr<UnpackedFile> file);

 private:
  std::mutex mutex_;
  std::unique_ptr<UnpackedFile> file_;
};

class InputFile {
 public:
  static Result<InputFile> open(const std::string& path);
  // Of a descriptor that is open.
  static Result<InputFile> of(FileDescriptor file, std::string name);

  std::uint64_t size() const { return size_; }    // on disk
  std::uint64_t inode() const { return inode_; }  // tells it from a file that has taken its name
  bool compressed() const { return compression_ != Compression::none; }

  // Bytes [begin, end); kToEnd is the end as it is now. Once. A compressed file is taken from `unpacked`, if it is
  // there, and goes back when it has been read.
  Result<std::unique_ptr<ByteInput>> bytes(std::uint64_t begin, std::uint64_t end,
                                           std::shared_ptr<Unpacked> unpacked = nullptr) &&;

 private:
  FileDescriptor file_;
  std::string name_;
  std::uint64_t size_ = 0;
  std::uint64_t inode_ = 0;
  Compression compression_ = Compression::none;
};

// How far a batch may go in one file.
struct Extent {
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  bool whole = false;  // up to the end of the file
};

struct ExtentLimits {
  std::uint64_t records = kToEnd;
  std::uint64_t bytes = kToEnd;
  bool last_counts = false;  // what is behind the last line end is a record
};

// Counts whole records within the limits, at least one. `record_length`: 0 for lines.
Result<Extent> measure(ByteInput& input, std::uint32_t record_length, const ExtentLimits& limits);

}  // namespace streamrun
