// Bytes in order: in memory first, past a limit in an unlinked temporary file. Read back any number of times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// One thread at a time.
class ByteSpool {
 public:
  explicit ByteSpool(std::size_t memory = std::size_t{16} << 20) : limit_(memory) {}

  Result<> append(std::string&& bytes);
  // Calls `take` with all bytes, in large pieces, in order, until it fails.
  Result<> read(const std::function<Result<>(std::string_view)>& take) const;
  std::uint64_t size() const { return on_disk_ + in_memory_; }
  std::size_t in_memory() const { return in_memory_; }
  void clear();

 private:
  Result<> to_disk();

  std::size_t limit_;
  std::deque<std::string> chunks_;  // behind what is on disk
  std::size_t in_memory_ = 0;
  FileDescriptor file_;
  std::uint64_t on_disk_ = 0;
};

}  // namespace streamrun
