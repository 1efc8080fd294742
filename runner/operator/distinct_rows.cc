#include "runner/operator/distinct_rows.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "runner/operator/group_table.h"
#include "runner/operator/memory_account.h"
#include "runner/operator/projection.h"
#include "runner/operator/row_store.h"
#include "runner/operator/sorted_runs.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kChunkRows = 4096;

struct Distinct {
  Distinct(const Schema& schema, std::vector<std::uint32_t> of, std::string key_text)
      : kept{std::vector<bool>(schema.size(), true), {}}, keys(std::move(of)), text(std::move(key_text)) {
    std::vector<bool> is_key(schema.size(), false);
    for (const std::uint32_t key : keys) is_key[key] = true;
    for (std::uint32_t i = 0; i < schema.size(); ++i) {
      if (!is_key[i]) others.push_back(i);
    }
    for (const std::uint32_t other : others) by_key.stored.columns.push_back(schema.at(other));
    by_place = by_key;
    by_key.stored.columns.insert(by_key.stored.columns.end(), 2, {"", TypeKind::int64});
    for (const std::uint32_t key : keys) {
      types.push_back(schema.at(key).type);
      by_key.stored.columns.push_back(schema.at(key));
      by_place.stored.columns.push_back(schema.at(key));
    }
    by_place.stored.columns.push_back({"", TypeKind::int64});
    by_key.begin = place() + 1;
    by_key.group = keys.size() + 1;
    by_key.order = RowOrder(std::vector<Direction>(by_key.group));
    by_key.limit = 1;
    by_place.begin = schema.size();
    by_place.order = RowOrder(std::vector<Direction>(1));
  }

  // Where rows have their places, as `by_key` has them.
  std::uint32_t place() const { return static_cast<std::uint32_t>(others.size()); }
  static std::vector<ColumnPtr> picked(const std::vector<ColumnPtr>& columns, const std::vector<std::uint32_t>& which) {
    std::vector<ColumnPtr> made;
    for (const std::uint32_t column : which) made.push_back(columns[column]);
    return made;
  }

  KeptColumns kept;
  std::vector<std::uint32_t> keys;    // columns of the input
  std::vector<std::uint32_t> others;  // the rest of them
  std::vector<Type> types;            // of the keys
  std::string text;
  // Of rows whose keys are not among those in memory: the other columns, the row's place among these rows, the key's
  // hash, the keys. Equal keys are equal in this order.
  RunLayout by_key;
  RunLayout by_place;  // the other columns, the keys, the place
};

// Rows whose keys are met for the first time.
struct FirstRows {
  explicit FirstRows(const std::vector<Type>& types) : table(types, 0, GroupTable::Keys::told_apart) {}

  GroupTable table;
  RowStore rows;
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> firsts;

  std::size_t bytes() const { return table.bytes() + rows.bytes(); }
};

class Local final : public BreakerLocal {
 public:
  std::optional<FirstRows> first;  // of a morsel, which counts for itself
  GroupTable::Scratch scratch;
};

// Rows of different keys, in their order.
class Partial final : public BreakerPartial {
 public:
  std::vector<ColumnPtr> columns;
  std::uint32_t rows = 0;
  std::optional<SortedRun> run;  // or those whose keys are not in memory, as `by_key` has them, without places
  std::unique_ptr<HeldMemory> held;
};

// In memory as long as keys fit there. Then the keys that are known stay, in front of all others; rows of other keys
// are sorted by key, of each key the first is kept, and these are sorted by their places.
class Run final : public BreakerRun {
 public:
  Run(const Distinct& distinct, const BreakerResources& resources)
      : distinct_(distinct),
        memory_(std::make_shared<MemoryAccount>(resources.memory)),
        spilling_(memory_),
        spools_(resources.spools),
        held_(memory_),
        known_(std::in_place, distinct.types) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<Local>(); }

  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex, KernelContext& context) override {
    const std::vector<ColumnPtr> columns = distinct_.kept.of(batch, context);
    if (batch.selection.empty()) return;
    auto& local = static_cast<Local&>(base);
    if (!local.first) local.first.emplace(distinct_.types);
    FirstRows& first = *local.first;
    first.table.insert(distinct_.picked(columns, distinct_.keys), batch.selection, GroupTable::Nulls::group,
                       first.groups, first.firsts);
    if (!first.firsts.empty()) first.rows.append(columns, first.firsts);
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& base) override {
    auto& local = static_cast<Local&>(base);
    if (!local.first) return nullptr;
    auto partial = std::make_unique<Partial>();
    partial->rows = local.first->rows.count();
    const std::size_t bytes = local.first->rows.bytes();
    partial->columns = local.first->rows.finish();
    partial->held = std::make_unique<HeldMemory>(memory_);
    partial->held->set(bytes);
    local.first.reset();
    if (full_.load(std::memory_order_acquire)) sort_unknown(*partial, local.scratch);
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> base) override {
    auto& partial = static_cast<Partial&>(*base);
    if (!unknown_) {
      if (has_room(partial)) {
        learn(partial);
        return {};
      }
      unknown_.emplace(distinct_.by_key, memory_, spools_);
      full_.store(true, std::memory_order_release);
    }
    if (!partial.run) sort_unknown(partial, scratch_);
    const auto count = static_cast<std::uint32_t>(partial.run->rows.size());
    if (count == 0) return {};
    const MutableColumn places = Column::make(TypeKind::int64, count);
    for (std::uint32_t i = 0; i < count; ++i) places->values<std::int64_t>()[i] = place_++;
    partial.run->columns[distinct_.place()] = places;
    return unknown_->add(std::move(*partial.run));
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override {
    count_ = known_->rows.count();
    const std::size_t bytes = known_->rows.bytes();
    columns_ = known_->rows.finish();
    columns_.resize(inputs());
    known_.reset();
    held_.set(bytes);
    if (!unknown_) return {};
    others_.emplace(distinct_.by_place, memory_, spools_);
    Result<> done = unknown_->drain([&](std::vector<ColumnPtr>&& columns, std::uint32_t rows) {
      const auto place = columns.begin() + distinct_.place();
      columns.erase(place + 1);
      std::rotate(place, place + 1, columns.end());
      return others_->add(sorted_run(distinct_.by_place, std::move(columns), rows));
    });
    unknown_.reset();
    return done ? others_->finish() : done;
  }

  std::uint32_t partitions() const override { return 1; }
  std::uint32_t chunks() const override { return known_chunks() + (others_ ? others_->chunks() : 0); }
  Result<RecordBatch> chunk(std::uint32_t index, KernelContext&) override {
    RecordBatch batch;
    if (index < known_chunks()) {
      const std::uint32_t begin = index * kChunkRows;
      batch.rows = std::min(kChunkRows, count_ - begin);
      for (const ColumnPtr& column : columns_) {
        batch.columns.push_back(column ? slice(column, begin, batch.rows) : nullptr);
      }
    } else {
      auto chunk = others_->chunk(index - known_chunks());
      if (!chunk) return pass_on(chunk);
      batch.rows = chunk->rows;
      batch.columns.resize(inputs());
      std::size_t from = 0;
      for (const auto* columns : {&distinct_.others, &distinct_.keys}) {
        for (const std::uint32_t column : *columns) batch.columns[column] = chunk->columns[from++];
      }
    }
    batch.selection = Selection::all(batch.rows);
    return batch;
  }
  const MemoryAccount* memory() const override { return memory_.get(); }

 private:
  std::uint32_t inputs() const { return distinct_.kept.inputs(); }
  std::uint32_t known_chunks() const { return (count_ + kChunkRows - 1) / kChunkRows; }

  bool has_room(const Partial& partial) const {
    return memory_->has_spill_room(known_->bytes(), known_->rows.growth(partial.columns, partial.rows));
  }

  void learn(const Partial& partial) {
    FirstRows& known = *known_;
    known.table.insert(distinct_.picked(partial.columns, distinct_.keys), Selection::all(partial.rows),
                       GroupTable::Nulls::group, known.groups, known.firsts);
    if (!known.firsts.empty()) known.rows.append(partial.columns, known.firsts);
    held_.set(known.bytes(), known.table.size());
  }

  // Any thread, once the table is full: it stays as it is.
  void sort_unknown(Partial& partial, GroupTable::Scratch& scratch) const {
    std::vector<std::uint32_t> groups;
    std::vector<ColumnPtr> keys = distinct_.picked(partial.columns, distinct_.keys);
    known_->table.find(keys, Selection::all(partial.rows), GroupTable::Nulls::group, groups, scratch);
    std::vector<std::uint32_t> rows;
    for (std::uint32_t row = 0; row < partial.rows; ++row) {
      if (groups[row] == GroupTable::kNone) rows.push_back(row);
    }
    const auto count = static_cast<std::uint32_t>(rows.size());
    std::vector<ColumnPtr> columns = distinct_.picked(partial.columns, distinct_.others);
    if (count != partial.rows) {
      for (ColumnPtr& column : columns) column = column ? gather(column, rows) : nullptr;
      for (ColumnPtr& key : keys) key = gather(key, rows);
    }
    std::vector<std::uint64_t> hashes;
    known_->table.hash(keys, Selection::all(count), hashes, scratch);
    const MutableColumn hash = Column::make(TypeKind::int64, count);
    for (std::uint32_t i = 0; i < count; ++i) hash->values<std::int64_t>()[i] = static_cast<std::int64_t>(hashes[i]);
    columns.insert(columns.end(), {nullptr, hash});
    columns.insert(columns.end(), keys.begin(), keys.end());
    partial.columns.clear();
    partial.run = sorted_run(distinct_.by_key, std::move(columns), count);
  }

  const Distinct& distinct_;
  const std::shared_ptr<MemoryAccount> memory_;
  const SpillingMember spilling_;
  const std::shared_ptr<SpoolPool> spools_;
  HeldMemory held_;
  std::optional<FirstRows> known_;  // until it is finished
  std::atomic<bool> full_ = false;  // no more keys become known
  GroupTable::Scratch scratch_;     // of merge
  std::int64_t place_ = 0;
  std::optional<SortedRuns> unknown_;
  // The result: rows of known keys, then the others.
  std::vector<ColumnPtr> columns_;
  std::uint32_t count_ = 0;
  std::optional<SortedRuns> others_;
};

class KeepFirst final : public Breaker {
 public:
  explicit KeepFirst(Distinct distinct) : distinct_(std::move(distinct)) {}

  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<Run>(distinct_, resources);
  }
  std::string describe() const override { return "keep the first of each " + distinct_.text + kSpills; }

 private:
  const Distinct distinct_;
};

}  // namespace

StepFactory make_distinct(const Schema& schema, std::vector<std::uint32_t> keys, std::string text) {
  const auto make = [distinct =
                         Distinct(schema, std::move(keys), std::move(text))](const std::vector<bool>& output_needed) {
    Distinct own = distinct;
    own.kept.needed = output_needed;
    for (const std::uint32_t key : own.keys) own.kept.needed[key] = true;
    std::vector<bool> needed = own.kept.read();
    return MadeStep::of(std::make_unique<KeepFirst>(std::move(own)), std::move(needed));
  };
  return {.make = make, .keeps_origins = false};
}

}  // namespace streamrun
