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
#include "runner/data/record_splitter.h"
#include "runner/data/stream_context.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/line_origin.h"

namespace streamrun {

// A longer record is none: it is rejected, with its beginning.
constexpr std::size_t kMaxRecordBytes = std::size_t{16} << 20;
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

// Where in an input a reader begins.
struct RecordStart {
  std::uint64_t offset = 0;
  std::uint64_t line = 1;
  std::shared_ptr<const std::string> header = nullptr;  // where the format has one, and it is known already
  std::uint64_t first_line = 1;                         // of the input, where lines are counted through several

  bool begins_input() const { return line == first_line; }
};

// One thread at a time.
class RecordReader {
 public:
  // `name`: of the input, for messages.
  RecordReader(std::unique_ptr<ByteInput> input, std::shared_ptr<const std::string> name,
               std::shared_ptr<BufferPool> pool, const RecordFraming& framing, RecordStart start);

  // About kMorselBytes of records, all of which begin before byte `boundary`; false: there are none. What
  // lies behind the last record's end is a record at the end of the input. An input that fails does so behind the last
  // record that came whole.
  Result<bool> next(RawRecords& out, std::uint64_t boundary = ~std::uint64_t{0});
  // What is wrong with records that were just given, by their number: a line that is too long, a last record that
  // is too short. They hold the beginning.
  const std::vector<RowError>& faults() const { return given_; }
  // Which of them have several lines.
  const std::vector<LineShift>& shifts() const { return given_shifts_; }
  const StreamContext& context() const { return context_; }
  // Where the next record begins, and its first line; of a fixed length, its number.
  std::uint64_t offset() const { return start_.offset; }
  std::uint64_t line() const { return start_.line; }
  // Null until the record that is the header has been given.
  const std::shared_ptr<const std::string>& header() const { return start_.header; }

 private:
  Result<bool> fill();
  Result<> refuse_other_encodings() const;
  void cut();
  void add(std::size_t end, std::uint64_t lines);
  Result<bool> cut_long_record();
  void fault(std::size_t record, std::string message);
  void find_header(const RawRecords& given);

  std::unique_ptr<ByteInput> input_;
  std::shared_ptr<const std::string> name_;
  std::shared_ptr<BufferPool> pool_;
  RecordFraming framing_;
  RecordStart start_;
  RecordSplitter splitter_;

  std::shared_ptr<char> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;                  // first byte that is in no morsel yet
  std::size_t end_ = 0;                    // behind the last byte read
  std::vector<std::string_view> records_;  // cut out of [begin_, …), from next_ on not handed out
  std::vector<RowError> faults_;           // of records_
  std::vector<LineShift> shifts_;          // of records_; each with its own lines
  std::vector<RowError> given_;            // of the records that were given last
  std::vector<LineShift> given_shifts_;
  StreamContext context_;
  std::uint64_t skipped_ = 0;  // bytes of a long record behind those that are kept
  std::size_t next_ = 0;
  std::size_t cut_ = 0;      // behind the last record of records_
  std::size_t scanned_ = 0;  // behind what the splitter has seen
  bool at_end_ = false;
  std::optional<Error> failed_;  // of the input, behind the whole records of records_
};

}  // namespace streamrun
