// A morsel of undecoded records: one buffer and the records in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/data/column.h"

namespace streamrun {

// Bytes behind the last record that readers may look at (and that hold anything): what SIMD parsers ask for.
constexpr std::size_t kPadding = 64;

struct RawRecords {
  std::shared_ptr<const void> keep;       // owns the bytes
  std::vector<std::string_view> records;  // without line ends; a null data() is a tombstone
  bool at_start = false;                  // records[0] is the first of its file (where a CSV header stands)

  std::uint32_t size() const { return static_cast<std::uint32_t>(records.size()); }
};

// Appends the records as those who keep them want them: their lengths, then their bytes, each behind the line end of
// the one before, since decoders read records that lie so side by side at once; padding behind the last.
void write_records(const RawRecords& raw, std::string& out);
// `count` records of bytes that were written so and that `raw.keep` owns. False: they were not.
bool read_records(std::string_view bytes, std::uint32_t count, RawRecords& raw);

// A record that could not be read or computed.
struct RowError {
  static constexpr std::uint32_t kNowhere = 0xffffffffU;
  std::uint32_t row = 0;
  std::string message;
  std::uint32_t place = kNowhere;  // in the pipeline's file, of the expression that failed
};

// The verdicts of one call, one a row: the first error of a row counts. One thread.
class RowErrors {
 public:
  void add(std::uint32_t row, std::string message) { add(RowError{row, std::move(message)}); }
  void add(RowError error) { errors_.push_back(std::move(error)); }
  bool empty() const { return errors_.empty(); }
  std::size_t size() const { return errors_.size(); }
  const std::vector<RowError>& all() const { return errors_; }
  // Forgets all but the first `size` that were added.
  void truncate(std::size_t size) { errors_.resize(size); }
  // By row, one each (the first that was added), and the list is empty afterwards.
  std::vector<RowError> take();

 private:
  std::vector<RowError> errors_;
};

}  // namespace streamrun
