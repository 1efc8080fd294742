// Cuts a stream of bytes into morsels of whole lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/data/raw_records.h"
#include "runner/operator/byte_input.h"

namespace streamrun {

// A longer line is taken for a file that has no lines.
constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

// Buffers that come back when the last reader of a morsel has dropped it: fresh memory costs a page fault
// every 4 KiB, which is felt at a gigabyte a second.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  // Of at least kMorselBytes and kPadding behind; goes back into the pool by itself.
  std::shared_ptr<char> take(std::size_t bytes);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> free_;
};

// Appends the records of `text` to `out`, line ends (LF or CRLF) cut off, and gives the bytes that whole
// lines took.
std::size_t cut_lines(const char* text, std::size_t size, std::vector<std::string_view>& out);
// Of the first `lines` lines of `text`: the bytes; `lines` becomes the number that there were.
std::size_t skip_lines(const char* text, std::size_t size, std::uint64_t& lines);

// One thread at a time.
class RecordReader {
 public:
  // `offset` and `line` (from 1) of the first byte; `name` is for messages.
  RecordReader(std::unique_ptr<ByteInput> input, std::shared_ptr<BufferPool> pool, std::string name,
               std::uint64_t offset, std::uint64_t line);

  // About kMorselBytes of records, all of which begin before byte `boundary`; false: there are none. What
  // lies behind the last line end is a record at the end of the input.
  Result<bool> next(RawRecords& out, std::uint64_t boundary = ~std::uint64_t{0});
  // Where the next record begins. Its number is that of its line.
  std::uint64_t offset() const { return offset_; }
  std::uint64_t line() const { return line_; }

 private:
  Result<bool> fill();

  std::unique_ptr<ByteInput> input_;
  std::shared_ptr<BufferPool> pool_;
  std::string name_;
  std::uint64_t offset_;
  std::uint64_t line_;

  std::shared_ptr<char> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;                // first byte that is in no morsel yet
  std::size_t end_ = 0;                  // behind the last byte read
  std::vector<std::string_view> lines_;  // cut out of [begin_, …), from next_ on not handed out
  std::size_t next_ = 0;
  std::size_t cut_ = 0;  // behind the last line of lines_
  bool at_end_ = false;
};

}  // namespace streamrun
