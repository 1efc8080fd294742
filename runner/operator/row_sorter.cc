#include "runner/operator/row_sorter.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "runner/operator/byte_spool.h"
#include "runner/operator/memory_account.h"
#include "runner/operator/projection.h"
#include "runner/operator/row_store.h"
#include "runner/operator/spooled_rows.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kChunkRows = 4096;
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
// Rows that are there before those behind the limit are let go.
constexpr std::uint64_t kFewRows = 65536;
// What it holds in memory, of all that there is for such as it.
constexpr std::uint64_t kShare = 4;

struct Sorting {
  explicit Sorting(SortSpec of) : spec(std::move(of)), order(spec.directions), needed(spec.schema.size(), true) {
    for (std::uint32_t i = 0; i < spec.schema.size(); ++i) stored.columns.push_back(spec.schema.at(i));
    for (const Expression& key : spec.keys) stored.columns.push_back({"", key.type()});
  }

  SortSpec spec;
  RowOrder order;
  Schema stored;             // the input's columns, then the keys
  std::vector<bool> needed;  // columns of the input

  std::span<const ColumnPtr> keys(const std::vector<ColumnPtr>& columns) const {
    return std::span(columns).subspan(spec.schema.size());
  }
};

// Lets the first rows of each group pass.
class Limit {
 public:
  explicit Limit(const Sorting& sorting) : sorting_(sorting) {}
  bool passes(const std::vector<ColumnPtr>& columns, std::uint32_t row) {
    if (!sorting_.spec.limit) return true;
    const std::size_t group = sorting_.spec.group;
    const bool same = group == 0 || (!last_.empty() &&
                                     sorting_.order.compare(sorting_.keys(columns), row, last_, last_row_, group) == 0);
    if (!same) {
      const auto keys = sorting_.keys(columns);
      last_.assign(keys.begin(), keys.end());
      last_row_ = row;
      count_ = 0;
    }
    return count_++ < *sorting_.spec.limit;
  }

 private:
  const Sorting& sorting_;
  std::vector<ColumnPtr> last_;  // keys of the group at hand
  std::uint32_t last_row_ = 0;
  std::uint64_t count_ = 0;
};

class Local final : public BreakerLocal {
 public:
  RowStore rows;
  std::unique_ptr<HeldMemory> held;
};

class Partial final : public BreakerPartial {
 public:
  std::vector<ColumnPtr> columns;
  std::vector<OrderedRow> rows;  // all of the columns', sorted
  std::unique_ptr<HeldMemory> held;
};

struct SpooledChunk {
  std::uint32_t rows = 0;
  std::uint64_t offset = 0;
  std::size_t size = 0;
};

// Rows on their way to the spool, in order.
class ChunkWriter {
 public:
  ChunkWriter(ByteSpool& spool, std::vector<SpooledChunk>& chunks) : spool_(spool), chunks_(chunks) {}
  Result<> add(const std::vector<ColumnPtr>& columns, std::uint32_t row) {
    rows_.append(columns, Selection::of({row}));
    if (rows_.count() < kChunkRows && (rows_.count() % 64 != 0 || rows_.bytes() < kChunkBytes)) return {};
    return flush();
  }
  Result<> flush() {
    if (rows_.count() == 0) return {};
    SpooledChunk chunk{rows_.count(), spool_.size(), 0};
    std::string bytes;
    write_rows(rows_.finish(), Selection::all(chunk.rows), bytes);
    chunk.size = bytes.size();
    if (auto added = spool_.append(std::move(bytes)); !added) return added;
    chunks_.push_back(chunk);
    return {};
  }

 private:
  ByteSpool& spool_;
  std::vector<SpooledChunk>& chunks_;
  RowStore rows_;
};

// A sorted run in the spool, on its way into a merge: a chunk at a time.
class RunReader {
 public:
  RunReader(const Sorting& sorting, const ByteSpool& spool, std::span<const SpooledChunk> chunks)
      : sorting_(sorting), spool_(spool), chunks_(chunks) {}

  // False: there are no more rows.
  Result<bool> load() {
    if (row_ < rows_) return true;
    if (chunks_.empty()) return false;
    auto bytes = spool_.read_at(chunks_[0].offset, chunks_[0].size);
    if (!bytes) return pass_on(bytes);
    columns_ = read_rows(sorting_.stored, std::move(*bytes));
    rows_ = chunks_[0].rows;
    row_ = 0;
    chunks_ = chunks_.subspan(1);
    prefix_ = sorting_.order.prefix(sorting_.keys(columns_), row_);
    return true;
  }
  RowOrder::Prefix prefix() const { return prefix_; }
  std::uint32_t row() const { return row_; }
  const std::vector<ColumnPtr>& columns() const { return columns_; }
  Result<bool> advance() {
    if (++row_ == rows_) return load();
    prefix_ = sorting_.order.prefix(sorting_.keys(columns_), row_);
    return true;
  }

 private:
  const Sorting& sorting_;
  const ByteSpool& spool_;
  std::span<const SpooledChunk> chunks_;
  std::vector<ColumnPtr> columns_;
  RowOrder::Prefix prefix_ = 0;
  std::uint32_t row_ = 0;
  std::uint32_t rows_ = 0;
};

// Calls take(columns, row) with the rows of all runs in order; of equal ones those of earlier runs first.
template <class Take>
Result<> merge_spooled(const Sorting& sorting, std::vector<RunReader>& runs, Take&& take) {
  const auto later = [&](std::size_t a, std::size_t b) {
    if (runs[a].prefix() != runs[b].prefix()) return runs[a].prefix() > runs[b].prefix();
    const int compared = sorting.order.compare(sorting.keys(runs[a].columns()), runs[a].row(),
                                               sorting.keys(runs[b].columns()), runs[b].row(), sorting.order.keys());
    return compared != 0 ? compared > 0 : a > b;
  };
  std::vector<std::size_t> heap;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto there = runs[i].load();
    if (!there) return pass_on(there);
    if (*there) heap.push_back(i);
  }
  std::ranges::make_heap(heap, later);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, later);
    RunReader& first = runs[heap.back()];
    if (Result<> taken = take(first.columns(), first.row()); !taken) return taken;
    const auto there = first.advance();
    if (!there) return pass_on(there);
    if (*there) {
      std::ranges::push_heap(heap, later);
    } else {
      heap.pop_back();
    }
  }
  return {};
}

// One sorted run of several, which follow each other in their order.
std::vector<OrderedRow> merged(const Sorting& sorting, const std::vector<ColumnPtr>& columns,
                               std::vector<std::vector<OrderedRow>> runs) {
  const auto keys = sorting.keys(columns);
  const auto earlier = [&](const OrderedRow& a, const OrderedRow& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return sorting.order.compare(keys, a.row, keys, b.row, sorting.order.keys()) < 0;
  };
  if (runs.empty()) return {};
  while (runs.size() > 1) {
    std::vector<std::vector<OrderedRow>> pairs;
    for (std::size_t i = 0; i < runs.size(); i += 2) {
      if (i + 1 == runs.size()) {
        pairs.push_back(std::move(runs[i]));
        continue;
      }
      std::vector<OrderedRow>& both = pairs.emplace_back();
      both.reserve(runs[i].size() + runs[i + 1].size());
      std::ranges::merge(runs[i], runs[i + 1], std::back_inserter(both), earlier);
      runs[i] = {};
      runs[i + 1] = {};
    }
    runs = std::move(pairs);
  }
  return std::move(runs[0]);
}

class Run final : public BreakerRun {
 public:
  Run(const Sorting& sorting, const BreakerResources& resources)
      : sorting_(sorting),
        memory_(std::make_shared<MemoryAccount>(resources.memory)),
        held_(memory_),
        runs_spool_(resources.spools),
        result_spool_(resources.spools) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<Local>(); }

  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex, KernelContext& context) override {
    std::vector<ColumnPtr> columns(sorting_.stored.size());
    const std::uint32_t inputs = sorting_.spec.schema.size();
    for (std::uint32_t i = 0; i < inputs; ++i) {
      if (sorting_.needed[i]) columns[i] = batch.columns[i];
    }
    for (std::size_t i = 0; i < sorting_.spec.keys.size(); ++i) {
      columns[inputs + i] = evaluate(sorting_.spec.keys[i], {batch.columns, batch.rows}, batch.selection, context.eval);
    }
    reject_failed(batch, context);
    if (batch.selection.empty()) return;
    auto& local = static_cast<Local&>(base);
    local.rows.append(columns, batch.selection);
    if (!local.held) local.held = std::make_unique<HeldMemory>(memory_);
    local.held->set(local.rows.bytes());
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& base) override {
    auto& local = static_cast<Local&>(base);
    const std::uint32_t count = local.rows.count();
    if (count == 0) return nullptr;
    auto partial = std::make_unique<Partial>();
    partial->columns = local.rows.finish();
    partial->rows = sorted_rows(sorting_.order, sorting_.keys(partial->columns), count);
    if (sorting_.spec.limit) cut(partial->columns, partial->rows);
    partial->held = std::move(local.held);
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> base) override {
    auto& partial = static_cast<Partial&>(*base);
    // Where rows stay in the order they came, those behind the limit are known.
    if (sorting_.order.keys() == 0 && sorting_.spec.limit && stored_.count() >= *sorting_.spec.limit) return {};
    const auto count = static_cast<std::uint32_t>(partial.rows.size());
    if (stored_.count() != 0 && !has_room(stored_.growth(partial.columns, count))) {
      if (Result<> spilled = spill(); !spilled) return spilled;
    }
    for (OrderedRow& row : partial.rows) row.row += stored_.count();
    stored_.append(partial.columns, Selection::all(count));
    runs_.push_back(std::move(partial.rows));
    if (sorting_.spec.limit && stored_.count() >= compact_at_) compact();
    held_.set(stored_.bytes() + stored_.count() * sizeof(OrderedRow));
    return {};
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override {
    if (spilled_.empty()) {
      columns_ = stored_.finish();
      rows_ = merged(sorting_, columns_, std::exchange(runs_, {}));
      if (sorting_.spec.limit) cut_rows(columns_, rows_);
      return {};
    }
    if (Result<> spilled = spill(); !spilled) return spilled;
    std::vector<RunReader> readers;
    for (const auto& chunks : spilled_) readers.emplace_back(sorting_, runs_spool_, chunks);
    Limit limit(sorting_);
    ChunkWriter writer(result_spool_, result_);
    Result<> done = merge_spooled(sorting_, readers, [&](const std::vector<ColumnPtr>& columns, std::uint32_t row) {
      return limit.passes(columns, row) ? writer.add(columns, row) : Result<>{};
    });
    if (done) done = writer.flush();
    runs_spool_.clear();
    return done;
  }

  std::uint32_t partitions() const override { return 1; }
  std::uint32_t chunks() const override {
    if (!spilled_.empty()) return static_cast<std::uint32_t>(result_.size());
    return static_cast<std::uint32_t>((rows_.size() + kChunkRows - 1) / kChunkRows);
  }

  Result<RecordBatch> chunk(std::uint32_t index, KernelContext&) override {
    RecordBatch batch;
    if (!spilled_.empty()) {
      auto bytes = result_spool_.read_at(result_[index].offset, result_[index].size);
      if (!bytes) return pass_on(bytes);
      batch.columns = read_rows(sorting_.stored, std::move(*bytes));
      batch.rows = result_[index].rows;
    } else {
      const std::size_t begin = std::size_t{index} * kChunkRows;
      const std::size_t end = std::min(rows_.size(), begin + kChunkRows);
      batch.columns = gathered(columns_, std::span(rows_).subspan(begin, end - begin));
      batch.rows = static_cast<std::uint32_t>(end - begin);
    }
    batch.columns.resize(sorting_.spec.schema.size());
    batch.selection = Selection::all(batch.rows);
    return batch;
  }

  const MemoryAccount* memory() const override { return memory_.get(); }

 private:
  bool has_room(std::size_t more) const {
    return memory_->has_room(more) && memory_->held() + more <= memory_->budget() / kShare;
  }

  static std::vector<ColumnPtr> gathered(const std::vector<ColumnPtr>& columns, std::span<const OrderedRow> rows) {
    std::vector<std::uint32_t> picked;
    picked.reserve(rows.size());
    for (const OrderedRow& row : rows) picked.push_back(row.row);
    std::vector<ColumnPtr> made(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i]) made[i] = gather(columns[i], picked);
    }
    return made;
  }

  // Leaves the rows up to the limit.
  void cut_rows(const std::vector<ColumnPtr>& columns, std::vector<OrderedRow>& rows) const {
    Limit limit(sorting_);
    std::erase_if(rows, [&](const OrderedRow& row) { return !limit.passes(columns, row.row); });
  }
  // And their columns alone, in their order.
  void cut(std::vector<ColumnPtr>& columns, std::vector<OrderedRow>& rows) const {
    cut_rows(columns, rows);
    columns = gathered(columns, rows);
    for (std::uint32_t i = 0; i < rows.size(); ++i) rows[i].row = i;
  }

  void compact() {
    std::vector<ColumnPtr> columns = stored_.finish();
    std::vector<OrderedRow> rows = merged(sorting_, columns, std::exchange(runs_, {}));
    cut(columns, rows);
    stored_.append(columns, Selection::all(static_cast<std::uint32_t>(rows.size())));
    compact_at_ = std::max<std::uint64_t>(kFewRows, 2 * std::uint64_t{rows.size()});
    runs_.push_back(std::move(rows));
  }

  Result<> spill() {
    const std::vector<ColumnPtr> columns = stored_.finish();
    const std::vector<OrderedRow> rows = merged(sorting_, columns, std::exchange(runs_, {}));
    Limit limit(sorting_);
    ChunkWriter writer(runs_spool_, spilled_.emplace_back());
    for (const OrderedRow& row : rows) {
      if (!limit.passes(columns, row.row)) continue;
      if (Result<> added = writer.add(columns, row.row); !added) return added;
    }
    held_.set(0);
    return writer.flush();
  }

  const Sorting& sorting_;
  std::shared_ptr<MemoryAccount> memory_;
  HeldMemory held_;
  RowStore stored_;
  std::vector<std::vector<OrderedRow>> runs_;  // of `stored_`, in the order of their morsels
  std::uint64_t compact_at_ = kFewRows;
  ByteSpool runs_spool_;
  std::vector<std::vector<SpooledChunk>> spilled_;  // runs
  // The result: rows of columns, or what is spooled.
  std::vector<ColumnPtr> columns_;
  std::vector<OrderedRow> rows_;
  ByteSpool result_spool_;
  std::vector<SpooledChunk> result_;
};

class Sort final : public Breaker {
 public:
  explicit Sort(SortSpec spec) : sorting_(std::move(spec)) {}

  std::vector<bool> prune(const std::vector<bool>& output_needed) override {
    sorting_.needed = output_needed;
    sorting_.needed.resize(sorting_.spec.schema.size(), false);
    std::vector<bool> read = sorting_.needed;
    for (const Expression& key : sorting_.spec.keys) need_columns(key, read);
    return read;
  }
  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<Run>(sorting_, resources);
  }
  bool keeps_origins() const override { return false; }
  std::string describe() const override { return sorting_.spec.text; }

 private:
  Sorting sorting_;
};

}  // namespace

std::unique_ptr<Breaker> make_sort(SortSpec spec) {
  return std::make_unique<Sort>(std::move(spec));
}

}  // namespace streamrun
