#include "runner/operator/distinct_rows.h"

#include <algorithm>
#include <utility>

#include "runner/operator/group_table.h"
#include "runner/operator/memory_account.h"
#include "runner/operator/projection.h"
#include "runner/operator/row_store.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kChunkRows = 4096;

struct Spec {
  Schema schema;
  std::vector<Expression> keys;
  std::vector<Type> types;
  std::string text;
  std::vector<bool> needed;  // columns of the input
};

// Rows whose keys are met for the first time.
struct FirstRows {
  explicit FirstRows(const std::vector<Type>& types) : table(types) {}

  // `columns`: the keys behind `inputs` others.
  void add(const std::vector<ColumnPtr>& columns, const Selection& selection, std::size_t inputs) {
    table.insert(std::span(columns).subspan(inputs), selection, GroupTable::Nulls::group, groups, firsts);
    if (!firsts.empty()) rows.append(columns, Selection::of(firsts));
  }
  std::size_t bytes() const { return table.bytes() + rows.bytes(); }

  GroupTable table;
  RowStore rows;
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> firsts;
};

class Local final : public BreakerLocal {
 public:
  std::optional<FirstRows> first;
  std::unique_ptr<HeldMemory> held;
};

class Partial final : public BreakerPartial {
 public:
  std::vector<ColumnPtr> columns;
  std::uint32_t rows = 0;
  std::unique_ptr<HeldMemory> held;
};

class Run final : public BreakerRun {
 public:
  Run(const Spec& spec, std::shared_ptr<MemoryAccount> whole)
      : spec_(spec),
        memory_(std::make_shared<MemoryAccount>(std::move(whole))),
        held_(memory_),
        first_(std::in_place, spec.types) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<Local>(); }

  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex, KernelContext& context) override {
    std::vector<ColumnPtr> columns(inputs() + spec_.keys.size());
    for (std::size_t i = 0; i < inputs(); ++i) {
      if (spec_.needed[i]) columns[i] = batch.columns[i];
    }
    for (std::size_t i = 0; i < spec_.keys.size(); ++i) {
      columns[inputs() + i] = evaluate(spec_.keys[i], {batch.columns, batch.rows}, batch.selection, context.eval);
    }
    reject_failed(batch, context);
    if (batch.selection.empty()) return;
    auto& local = static_cast<Local&>(base);
    if (!local.first) local.first.emplace(spec_.types);
    local.first->add(columns, batch.selection, inputs());
    if (!local.held) local.held = std::make_unique<HeldMemory>(memory_);
    local.held->set(local.first->bytes());
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& base) override {
    auto& local = static_cast<Local&>(base);
    if (!local.first) return nullptr;
    auto partial = std::make_unique<Partial>();
    partial->rows = local.first->rows.count();
    partial->columns = local.first->rows.finish();
    partial->held = std::move(local.held);
    local.first.reset();
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> base) override {
    const auto& partial = static_cast<const Partial&>(*base);
    if (!memory_->has_room(first_->rows.growth(partial.columns, partial.rows))) return failure(memory_->refusal());
    first_->add(partial.columns, Selection::all(partial.rows), inputs());
    held_.set(first_->bytes(), first_->table.size());
    return {};
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override {
    count_ = first_->rows.count();
    columns_ = first_->rows.finish();
    columns_.resize(inputs());
    first_.reset();
    return {};
  }

  std::uint32_t partitions() const override { return 1; }
  std::uint32_t chunks() const override { return (count_ + kChunkRows - 1) / kChunkRows; }
  Result<RecordBatch> chunk(std::uint32_t index, KernelContext&) override {
    const std::uint32_t begin = index * kChunkRows;
    RecordBatch batch;
    batch.rows = std::min(kChunkRows, count_ - begin);
    batch.selection = Selection::all(batch.rows);
    for (const ColumnPtr& column : columns_)
      batch.columns.push_back(column ? slice(column, begin, batch.rows) : nullptr);
    return batch;
  }
  const MemoryAccount* memory() const override { return memory_.get(); }

 private:
  std::size_t inputs() const { return spec_.schema.size(); }

  const Spec& spec_;
  std::shared_ptr<MemoryAccount> memory_;
  HeldMemory held_;
  std::optional<FirstRows> first_;  // until it is finished
  std::vector<ColumnPtr> columns_;
  std::uint32_t count_ = 0;
};

class Distinct final : public Breaker {
 public:
  explicit Distinct(Spec spec) : spec_(std::move(spec)) {}

  std::vector<bool> prune(const std::vector<bool>& output_needed) override {
    spec_.needed = output_needed;
    spec_.needed.resize(spec_.schema.size(), false);
    std::vector<bool> read = spec_.needed;
    for (const Expression& key : spec_.keys) need_columns(key, read);
    return read;
  }
  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<Run>(spec_, resources.memory);
  }
  bool keeps_origins() const override { return false; }
  std::string describe() const override { return "keep the first of each " + spec_.text; }

 private:
  Spec spec_;
};

}  // namespace

std::unique_ptr<Breaker> make_distinct(Schema schema, std::vector<Expression> keys, std::string text) {
  Spec spec{std::move(schema), std::move(keys), {}, std::move(text), {}};
  for (const Expression& key : spec.keys) spec.types.push_back(key.type());
  spec.needed.assign(spec.schema.size(), true);
  return std::make_unique<Distinct>(std::move(spec));
}

}  // namespace streamrun
