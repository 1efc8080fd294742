// Regular files that are read in order, compressed or not. Positions count bytes of what a file holds.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/data/record_framing.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// An end that is all there is.
constexpr std::uint64_t kToEnd = ~std::uint64_t{0} >> 1U;

// Tells a file from another one that has taken its name, but not from one that was made when it was gone.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend auto operator<=>(const FileId&, const FileId&) = default;
};

class UnpackedFile;

// Where a streamed file stays open between the batches that read it: it can only be read from its start. Thread-safe.
class Unpacked {
 public:
  Unpacked();
  ~Unpacked();
  // Null, unless the file left here can go on at `begin`.
  std::unique_ptr<UnpackedFile> take(std::string_view name, FileId id, std::uint64_t begin);
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
  Result<InputFile> duplicate() const;

  std::uint64_t size() const { return size_; }  // on disk
  FileId id() const { return id_; }
  bool compressed() const { return compression_ != Compression::none; }
  // It is read from its start to its end, which nobody knows before: it is compressed, or the kernel makes it (/proc)
  // and tells no size.
  bool streamed() const { return compressed() || untold_; }

  // Of the first and the last block of the first `bytes` bytes on disk: another one when they were written anew.
  Result<std::uint64_t> hash(std::uint64_t bytes) const;

  // Bytes [begin, end); kToEnd is the end as it is now. Once. A streamed file is taken from `unpacked`, if it is
  // there, and goes back when it has been read.
  Result<std::unique_ptr<ByteInput>> bytes(std::uint64_t begin, std::uint64_t end,
                                           std::shared_ptr<Unpacked> unpacked = nullptr) &&;

 private:
  FileDescriptor file_;
  std::string name_;
  std::uint64_t size_ = 0;
  FileId id_;
  bool untold_ = false;
  Compression compression_ = Compression::none;
};

// How far a batch may go in one file.
struct Extent {
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;  // without the header
  std::uint64_t lines = 0;
  bool whole = false;  // up to the end of the file
};

struct ExtentLimits {
  std::uint64_t records = kToEnd;
  std::uint64_t bytes = kToEnd;
  bool last_counts = false;  // what is behind the last record's end is a record, even where a quote is open in it
};

// Counts whole records within the limits, at least one. `at_start`: `input` begins where the file does.
Result<Extent> measure(ByteInput& input, const RecordFraming& framing, bool at_start, const ExtentLimits& limits);

}  // namespace streamrun
