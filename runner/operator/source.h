// What a source is: it plans ranges, then reads exactly what it planned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/result.h"
#include "runner/base/strong_id.h"
#include "runner/base/units.h"
#include "runner/data/raw_records.h"
#include "runner/data/record_batch.h"
#include "runner/data/stream_context.h"
#include "runner/expr/expression.h"
#include "runner/operator/connector.h"
#include "runner/operator/environment.h"
#include "runner/operator/format.h"
#include "runner/operator/options.h"

namespace streamrun {

// About this many bytes of records are a morsel; a decoded slice of one holds at most this many records.
constexpr std::size_t kMorselBytes = std::size_t{1} << 20;
constexpr std::uint32_t kSliceRecords = 2048;

// The unit of work: cut at record ends by the range alone, never by the number of threads.
struct Morsel {
  PartitionIndex partition;
  std::shared_ptr<const Origin> origin;
  // Records that the source itself rejects, by their number; their bytes are a beginning.
  std::vector<RowError> faults;
  RawRecords raw;                   // to be decoded; or
  StreamContext context;            // of these records
  std::optional<RecordBatch> rows;  // rows that have their types already (schema's columns, then hidden)
};

// What a batch may take; nothing said means all there is.
struct BatchLimits {
  std::optional<std::uint64_t> records;  // the smaller of max_batch_records and the rate's share
  std::optional<std::uint64_t> bytes;
  bool available_now = false;  // take what is there and do not wait for more
  // The rate's share of one partition, for sources whose partitions vary; for the others it is in `records`.
  std::optional<std::uint64_t> partition_records = std::nullopt;
};

// Cursors are data (JSON text), so that a log can keep them: a source reads the same records between the
// same two cursors, unless it says that it cannot be read again.
struct SourceRange {
  std::string from;
  std::string until;
  bool empty = true;
  bool exhausted = false;  // nothing will ever come behind this range
  bool made_up = false;    // there is always more of this: nothing that was there to be taken
};

// What a range holds, as far as that is known without reading it.
struct RangeSize {
  std::uint64_t amount = 0;
  std::string_view unit;  // `records`, `bytes`
};

// Both ends of a range.
template <class Cursor>
Result<std::pair<Cursor, Cursor>> cursors_of(const SourceRange& range,
                                             Result<Cursor> (*to_cursor)(const std::string&)) {
  auto from = to_cursor(range.from);
  if (!from) return pass_on(from);
  auto until = to_cursor(range.until);
  if (!until) return pass_on(until);
  return std::pair(*std::move(from), *std::move(until));
}

// The start of a source that opens nothing: at `resume`, if that is a place of its own.
template <class Cursor>
Result<std::string> begin_at(const std::optional<std::string>& resume, std::string first,
                             Result<Cursor> (*to_cursor)(const std::string&)) {
  if (!resume) return first;
  if (auto good = to_cursor(*resume); !good) return pass_on(good);
  return *resume;
}

// Hands out the morsels of a range in source order. The engine calls it under one lock.
class RangeReader {
 public:
  virtual ~RangeReader() = default;
  // False: the range is at its end. Records are whole; their line ends are cut off.
  virtual Result<bool> next(Morsel& morsel) = 0;
};

// One thread at a time.
class Source {
 public:
  virtual ~Source() = default;
  // Before start(): its hidden columns that somebody reads, of rows or of rejects. Else it keeps all.
  virtual void want_hidden(const std::vector<std::string>& names) { static_cast<void>(names); }
  // Opens what is to be read; the cursor of the first record. Nothing is opened before. `resume`: the cursor behind
  // what a former run has read, which the first record follows; an error if its records are no longer there.
  virtual Result<std::string> start(const std::optional<std::string>& resume) = 0;
  virtual Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) = 0;
  virtual Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) = 0;
  // Of a range that it has planned.
  virtual std::optional<RangeSize> size_of(const SourceRange& range) const {
    return static_cast<void>(range), std::nullopt;
  }
  // `batch`, which took everything before `cursor`, has committed. Told of each batch, whether it took something.
  virtual void committed(const std::string& cursor, BatchTime batch) {
    static_cast<void>(cursor), static_cast<void>(batch);
  }
  // Behind start(): the last batch of former runs, as far as the outside world keeps it. Names of batches go on
  // behind it.
  virtual std::optional<BatchTime> last_batch() const { return std::nullopt; }
  // Behind the last batch.
  virtual Result<> close() { return {}; }
  // From another thread, at any time after it was opened: whoever waits for the outside world (start, plan, a reader)
  // gives up, with what has come so far or with an error.
  virtual void interrupt() {}
  // The end is known and all input has arrived, so that no tick need be waited for.
  virtual bool ended() const { return false; }
  // Before start(): whom to tell, from any thread, when ended() has become true of a source that was read already.
  virtual void on_end(const std::function<void()>& tell) { static_cast<void>(tell); }
};

// What a source is told of the mapping it stands in.
struct SourceBindContext {
  std::string name;                        // of the source
  std::string pipeline;                    // its name
  const SchemaOption* declared = nullptr;  // `schema:`, if there is one
  std::uint32_t partitions = 8;
  RecordFraming framing;          // of its format
  Duration batch_interval{1000};  // of the pipeline: what a rate is shared out by
  const Params* params = nullptr;
  std::function<void(std::string_view)> param_used;
  Diagnostics& diagnostics;
  Span place;
};

// Files that a source reads: a path or a glob, of which the first `folder` bytes are a folder that stands as written.
struct ReadPath {
  std::string path;
  std::size_t folder = 0;
  Span span;
};

struct BoundSource {
  // Of sources that make typed rows; the others' comes from the format and `schema:`.
  std::optional<Schema> rows;
  std::vector<Field> hidden;  // the source's own hidden columns
  bool can_fail = false;      // its typed rows may have faults
  bool bounded = false;
  bool can_read_again = true;
  bool messages = false;         // records come as such: no format says where they end
  bool rate_controlled = false;  // a batch takes no more than the batches before it could digest
  std::uint32_t partitions = 1;  // 0: known only when it is open, and may grow
  // What no other source may read as well, in words; and patterns (RE2) of such words, of what it finds out later.
  std::vector<std::string> alone;
  std::vector<std::string> alone_patterns;
  std::vector<ReadPath> reads;  // no sink of the pipeline may write them
  std::string detail;           // for `explain`
  std::function<std::unique_ptr<Source>(const Environment&)> open;
};

// Of a source's rows: `columns`, then what is hidden: its own columns and those that every source has.
inline Schema source_schema(std::vector<Field> columns, const std::vector<Field>& own_hidden) {
  Schema schema{std::move(columns), own_hidden};
  schema.hidden.push_back({"_batch", TypeKind::timestamp});
  schema.hidden.push_back({"_raw", TypeKind::binary});
  return schema;
}

using SourceDescriptor = ConnectorDescriptor<SourceBindContext, BoundSource>;

}  // namespace streamrun
