// Cuts a stream of bytes into morsels of whole records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runner/base/result.h"
#include "runner/data/raw_records.h"
#include "runner/operator/byte_input.h"

namespace streamrun {

// A longer line is no record: it is rejected, with its beginning.
constexpr std::size_t kMaxLineBytes = std::size_t{16} << 20;
// A morsel of very short records ends at this number of them.
constexpr std::size_t kMorselRecords = std::size_t{1} << 15;

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
constexpr std::uint64_t kAllLines = ~std::uint64_t{0};
// Of the first `lines` lines of `text`: the bytes; `lines` becomes the number that there were.
std::size_t skip_lines(const char* text, std::size_t size, std::uint64_t& lines);

// One thread at a time.
class RecordReader {
 public:
  // `offset` and `line` (from 1) of the first byte. `record_length`: 0 for lines.
  RecordReader(std::unique_ptr<ByteInput> input, std::shared_ptr<BufferPool> pool, std::uint32_t record_length,
               std::uint64_t offset, std::uint64_t line);

  // About kMorselBytes of records, all of which begin before byte `boundary`; false: there are none. What
  // lies behind the last line end is a record at the end of the input. An input that fails does so behind the last
  // record that came whole.
  Result<bool> next(RawRecords& out, std::uint64_t boundary = ~std::uint64_t{0});
  // What is wrong with records that were just given, by their number: a line that is too long, a last record that
  // is too short. They hold the beginning.
  const std::vector<RowError>& faults() const { return given_; }
  // Where the next record begins. Its number is that of its line.
  std::uint64_t offset() const { return offset_; }
  std::uint64_t line() const { return line_; }

 private:
  Result<bool> fill();
  void cut();
  Result<bool> cut_long_line();
  void fault(std::size_t record, std::string message);

  std::unique_ptr<ByteInput> input_;
  std::shared_ptr<BufferPool> pool_;
  std::uint32_t record_length_;
  std::uint64_t offset_;
  std::uint64_t line_;

  std::shared_ptr<char> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;                // first byte that is in no morsel yet
  std::size_t end_ = 0;                  // behind the last byte read
  std::vector<std::string_view> lines_;  // cut out of [begin_, …), from next_ on not handed out
  std::vector<RowError> faults_;         // of lines_
  std::vector<RowError> given_;          // of the records that were given last
  std::uint64_t skipped_ = 0;            // bytes of a long line behind those that are kept
  std::size_t next_ = 0;
  std::size_t cut_ = 0;  // behind the last line of lines_
  bool at_end_ = false;
  std::optional<Error> failed_;  // of the input, behind the whole records of lines_
};

}  // namespace streamrun
