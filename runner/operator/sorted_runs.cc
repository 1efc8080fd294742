#include "runner/operator/sorted_runs.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "runner/operator/spooled_rows.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kChunkRows = 4096;
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kLeastChunkBytes = std::size_t{1} << 14;
// Rows that are there before those behind the limit are let go.
constexpr std::uint64_t kFewRows = 65536;
// Spilled runs that are merged together, a chunk of each being in memory.
constexpr std::size_t kMerged = 16;

// Lets the first rows of each group pass.
class Limit {
 public:
  explicit Limit(const RunLayout& layout) : layout_(layout) {}
  bool passes(const std::vector<ColumnPtr>& columns, std::uint32_t row) {
    if (!layout_.limit) return true;
    const bool same = layout_.group == 0 || (!last_.empty() && layout_.order.compare(layout_.keys(columns), row, last_,
                                                                                     last_row_, layout_.group) == 0);
    if (!same) {
      const auto keys = layout_.keys(columns);
      last_.assign(keys.begin(), keys.end());
      last_row_ = row;
      count_ = 0;
    }
    return count_++ < *layout_.limit;
  }

 private:
  const RunLayout& layout_;
  std::vector<ColumnPtr> last_;  // keys of the group at hand
  std::uint32_t last_row_ = 0;
  std::uint64_t count_ = 0;
};

// Rows in order, on their way in chunks.
class ChunkWriter {
 public:
  ChunkWriter(const SortedRuns::Take& take, std::size_t bytes) : take_(take), bytes_(bytes) {}
  Result<> add(const std::vector<ColumnPtr>& columns, std::uint32_t row) {
    rows_.append(columns, std::span(&row, 1));
    if (rows_.count() < kChunkRows && (rows_.count() % 8 != 0 || rows_.bytes() < bytes_)) return {};
    return flush();
  }
  Result<> flush() {
    const std::uint32_t count = rows_.count();
    return count == 0 ? Result<>{} : take_(rows_.finish(), count);
  }

 private:
  const SortedRuns::Take& take_;
  const std::size_t bytes_;
  RowStore rows_;
};

std::vector<ColumnPtr> gathered(const std::vector<ColumnPtr>& columns, std::span<const OrderedRow> rows) {
  std::vector<std::uint32_t> picked;
  picked.reserve(rows.size());
  for (const OrderedRow& row : rows) picked.push_back(row.row);
  std::vector<ColumnPtr> made(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]) made[i] = gather(columns[i], picked);
  }
  return made;
}

}  // namespace

SortedRun sorted_run(const RunLayout& layout, std::vector<ColumnPtr> columns, std::uint32_t count) {
  SortedRun run;
  run.columns = std::move(columns);
  run.rows = sorted_rows(layout.order, layout.keys(run.columns), count);
  return run;
}

void cut(const RunLayout& layout, SortedRun& run) {
  Limit limit(layout);
  std::erase_if(run.rows, [&](const OrderedRow& row) { return !limit.passes(run.columns, row.row); });
  run.columns = gathered(run.columns, run.rows);
  for (std::uint32_t i = 0; i < run.rows.size(); ++i) run.rows[i].row = i;
}

// A spilled run, on its way into a merge: a chunk at a time.
class SortedRuns::Reader {
 public:
  Reader(const RunLayout& layout, const SpooledRun& run) : layout_(layout), run_(run) {}

  // False: there are no more rows.
  Result<bool> load() {
    if (row_ < rows_) return true;
    if (next_ == run_.chunks.size()) return false;
    const Spooled& chunk = run_.chunks[next_++];
    auto bytes = run_.spool->read_at(chunk.offset, chunk.size);
    if (!bytes) return pass_on(bytes);
    columns_ = read_rows(layout_.stored, std::move(*bytes));
    rows_ = chunk.rows;
    row_ = 0;
    prefixes_ = layout_.order.prefixes(layout_.keys(columns_), rows_);
    return true;
  }
  const RowOrder::Prefix& prefix() const { return prefixes_[row_]; }
  std::uint32_t row() const { return row_; }
  const std::vector<ColumnPtr>& columns() const { return columns_; }
  Result<bool> advance() { return ++row_ == rows_ ? load() : true; }

 private:
  const RunLayout& layout_;
  const SpooledRun& run_;
  std::size_t next_ = 0;
  std::vector<ColumnPtr> columns_;
  std::vector<RowOrder::Prefix> prefixes_;
  std::uint32_t row_ = 0;
  std::uint32_t rows_ = 0;
};

SortedRuns::SortedRuns(const RunLayout& layout, const std::shared_ptr<MemoryAccount>& memory,
                       std::shared_ptr<SpoolPool> spools)
    : layout_(layout),
      memory_(std::make_shared<MemoryAccount>(memory)),
      held_(memory_),
      spools_(std::move(spools)),
      chunk_bytes_(std::clamp<std::uint64_t>(memory_->spill_share() / kMerged, kLeastChunkBytes, kChunkBytes)),
      compact_at_(kFewRows) {}

Result<> SortedRuns::add(SortedRun&& run) {
  const auto count = static_cast<std::uint32_t>(run.rows.size());
  if (stored_.count() != 0 && !memory_->has_spill_room(memory_->held(), stored_.growth(run.columns, count))) {
    if (Result<> spilled = spill(); !spilled) return spilled;
  }
  for (OrderedRow& row : run.rows) row.row += stored_.count();
  stored_.append(run.columns, Selection::all(count));
  runs_.push_back(std::move(run.rows));
  if (layout_.limit && stored_.count() >= compact_at_) {
    if (Result<> done = compact(); !done) return done;
  }
  held_.set(stored_.bytes() + stored_.count() * sizeof(OrderedRow));
  return {};
}

MergedRuns SortedRuns::merged() {
  std::vector<ColumnPtr> columns = stored_.finish();
  return {layout_.order, std::move(columns), std::exchange(runs_, {})};
}

Result<> SortedRuns::take_merged(const TakeRows& take) {
  const MergedRuns runs = merged();
  Limit limit(layout_);
  for (std::uint32_t i = 0; i < runs.ranges(); ++i) {
    std::vector<OrderedRow> rows = runs.rows(i);
    std::erase_if(rows, [&](const OrderedRow& row) { return !limit.passes(runs.columns(), row.row); });
    if (Result<> taken = take(runs.columns(), rows); !taken) return taken;
  }
  return {};
}

Result<> SortedRuns::compact() {
  std::vector<OrderedRow> kept;
  Result<> done = take_merged([&](const std::vector<ColumnPtr>& columns, std::span<const OrderedRow> rows) -> Result<> {
    const std::vector<ColumnPtr> taken = gathered(columns, rows);
    for (const OrderedRow& row : rows) kept.push_back({row.prefix, static_cast<std::uint32_t>(kept.size())});
    stored_.append(taken, Selection::all(static_cast<std::uint32_t>(rows.size())));
    return {};
  });
  compact_at_ = std::max<std::uint64_t>(kFewRows, 2 * std::uint64_t{kept.size()});
  runs_.push_back(std::move(kept));
  return done;
}

SortedRuns::Take SortedRuns::write_to(SpooledRun& run) const {
  run.spool = std::make_unique<ByteSpool>(spools_);
  return [&run](std::vector<ColumnPtr>&& columns, std::uint32_t rows) -> Result<> {
    Spooled chunk{rows, run.spool->size(), 0};
    std::string bytes;
    write_rows(columns, Selection::all(rows), bytes);
    chunk.size = bytes.size();
    if (auto added = run.spool->append(std::move(bytes)); !added) return added;
    run.chunks.push_back(chunk);
    return {};
  };
}

Result<> SortedRuns::spill() {
  SpooledRun spilled;
  const Take take = write_to(spilled);
  ChunkWriter writer(take, chunk_bytes_);
  Result<> done = take_merged([&](const std::vector<ColumnPtr>& columns, std::span<const OrderedRow> rows) -> Result<> {
    for (const OrderedRow& row : rows) {
      if (Result<> added = writer.add(columns, row.row); !added) return added;
    }
    return {};
  });
  if (done) done = writer.flush();
  if (!done) return done;
  held_.set(0);
  spilled_.push_back(std::move(spilled));
  // As many of a level are one of the next.
  const auto level_up = [&] {
    return spilled_.size() >= kMerged && spilled_[spilled_.size() - kMerged].level == spilled_.back().level;
  };
  while (level_up()) {
    if (done = merge_last(kMerged); !done) return done;
  }
  return {};
}

Result<> SortedRuns::merge_last(std::size_t count) {
  SpooledRun made;
  const std::size_t first = spilled_.size() - count;
  if (Result<> done = merge_spooled(std::span(spilled_).subspan(first), write_to(made)); !done) return done;
  made.level = spilled_[first].level + 1;
  spilled_.resize(first);
  spilled_.push_back(std::move(made));
  return {};
}

// Until they can be merged together. The last are the smallest.
Result<> SortedRuns::merge_few() {
  while (spilled_.size() > kMerged) {
    if (Result<> done = merge_last(std::min(kMerged, spilled_.size() - kMerged + 1)); !done) return done;
  }
  return {};
}

// Of equal rows those of earlier runs come first.
Result<> SortedRuns::merge_spooled(std::span<const SpooledRun> runs, const Take& take) {
  std::vector<Reader> readers;
  std::size_t bytes = 0;
  for (const SpooledRun& run : runs) {
    readers.emplace_back(layout_, run);
    std::size_t largest = 0;
    for (const Spooled& chunk : run.chunks) largest = std::max(largest, chunk.size);
    bytes += largest;
  }
  held_.set(bytes);
  const auto later = [&](std::size_t a, std::size_t b) {
    if (readers[a].prefix() != readers[b].prefix()) return readers[a].prefix() > readers[b].prefix();
    const int compared =
        layout_.order.compare(layout_.keys(readers[a].columns()), readers[a].row(), layout_.keys(readers[b].columns()),
                              readers[b].row(), layout_.order.keys());
    return compared != 0 ? compared > 0 : a > b;
  };
  std::vector<std::size_t> heap;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    const auto there = readers[i].load();
    if (!there) return pass_on(there);
    if (*there) heap.push_back(i);
  }
  std::ranges::make_heap(heap, later);
  Limit limit(layout_);
  ChunkWriter writer(take, chunk_bytes_);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, later);
    Reader& first = readers[heap.back()];
    if (limit.passes(first.columns(), first.row())) {
      if (Result<> added = writer.add(first.columns(), first.row()); !added) return added;
    }
    const auto there = first.advance();
    if (!there) return pass_on(there);
    if (*there) {
      std::ranges::push_heap(heap, later);
    } else {
      heap.pop_back();
    }
  }
  held_.set(0);
  return writer.flush();
}

Result<> SortedRuns::drain(const Take& take) {
  if (spilled_.empty()) {
    Result<> done = take_merged([&](const std::vector<ColumnPtr>& columns, std::span<const OrderedRow> rows) {
      return rows.empty() ? Result<>() : take(gathered(columns, rows), static_cast<std::uint32_t>(rows.size()));
    });
    held_.set(0);
    return done;
  }
  if (stored_.count() != 0) {
    if (Result<> spilled = spill(); !spilled) return spilled;
  }
  if (Result<> done = merge_few(); !done) return done;
  if (Result<> done = merge_spooled(spilled_, take); !done) return done;
  spilled_.clear();
  return {};
}

Result<> SortedRuns::finish() {
  if (spilled_.empty()) {
    Result<> done;
    if (layout_.limit) done = compact();
    result_.emplace(merged());
    return done;
  }
  SpooledRun made;
  const Result<> done = drain(write_to(made));
  spilled_.clear();
  spilled_.push_back(std::move(made));
  return done;
}

std::uint32_t SortedRuns::chunks() const {
  if (!spilled_.empty()) return static_cast<std::uint32_t>(spilled_[0].chunks.size());
  return result_->ranges();
}

Result<SortedRuns::Chunk> SortedRuns::chunk(std::uint32_t index) const {
  Chunk made;
  if (!spilled_.empty()) {
    const Spooled& from = spilled_[0].chunks[index];
    auto bytes = spilled_[0].spool->read_at(from.offset, from.size);
    if (!bytes) return pass_on(bytes);
    made.columns = read_rows(layout_.stored, std::move(*bytes));
    made.rows = from.rows;
    return made;
  }
  const std::vector<OrderedRow> rows = result_->rows(index);
  made.columns = gathered(result_->columns(), rows);
  made.rows = static_cast<std::uint32_t>(rows.size());
  return made;
}

}  // namespace streamrun
