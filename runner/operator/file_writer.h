// Bytes to a file in large pieces, compressed or not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runner/base/disk.h"
#include "runner/base/result.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// One thread. Whatever fails has written nothing: the file is cut back to where it was, and the same call may be made
// again. Where it cannot be cut, or a sync or close has failed, the error is fatal.
class FileWriter {
 public:
  // `name` is for messages.
  FileWriter(Disk& disk, Compression compression, std::string name)
      : disk_(disk), compression_(compression), name_(std::move(name)) {}

  // `size`: what the file holds already.
  void open(FileDescriptor file, std::uint64_t size);
  void start_at(std::uint64_t size) { written_ = sent_ = size; }
  bool is_open() const { return static_cast<bool>(file_); }
  int file() const { return file_.get(); }
  // `see` is called before bytes go to the file, with the length that it has then; where it fails they do not.
  void before_writing(std::function<Result<>(std::uint64_t at, std::string_view bytes)> see) { see_ = std::move(see); }
  // While open.
  Result<> add(std::string_view bytes);
  // What is left to read of `from`, as it is. Before anything is added.
  Result<> copy(int from, std::string_view name);
  // Ends what is compressed and closes: opened again, it goes on with another member, which readers take as one text.
  Result<> rest();
  // Everything is on the disk when it has succeeded; still open.
  Result<> sync();
  Result<> close();
  // As if nothing had been added; what is in the file stays.
  void forget();
  // Bytes of the file, as far as they are known.
  std::uint64_t size() const { return written_ + buffer_.size(); }

 private:
  Result<> end_member();
  Result<> flush();
  Result<> write(std::string_view bytes);
  std::unexpected<Error> cut_back(std::uint64_t at, std::unexpected<Error> failed);

  Disk& disk_;
  Compression compression_;
  std::string name_;
  std::function<Result<>(std::uint64_t at, std::string_view bytes)> see_;
  FileDescriptor file_;
  std::unique_ptr<Compressor> compressor_;
  std::string buffer_;
  std::uint64_t written_ = 0;
  std::uint64_t sent_ = 0;  // of these, on their way to the disk
};

}  // namespace streamrun
