// Bytes to a file in large pieces, compressed or not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// One thread.
class FileWriter {
 public:
  // `name` is for messages; `size`: what the file holds already.
  FileWriter(Compression compression, std::string name) : compression_(compression), name_(std::move(name)) {}

  void open(FileDescriptor file, std::uint64_t size);
  bool is_open() const { return static_cast<bool>(file_); }
  // While open.
  Result<> add(std::string_view bytes);
  // Ends what is compressed and closes: opened again, it goes on with another member, which readers take as one text.
  Result<> rest();
  // Everything is on the disk when it has succeeded; closed.
  Result<> finish();
  // Bytes of the file, as far as they are known.
  std::uint64_t size() const { return written_ + buffer_.size(); }

 private:
  Result<> end_member();
  Result<> flush();
  Result<> write(std::string_view bytes);

  Compression compression_;
  std::string name_;
  FileDescriptor file_;
  std::unique_ptr<Compressor> compressor_;
  std::string buffer_;
  std::uint64_t written_ = 0;
  std::uint64_t sent_ = 0;  // of these, on their way to the disk
};

}  // namespace streamrun
