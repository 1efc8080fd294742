#include "runner/operator/collect.h"

#include <fmt/format.h>

#include <bit>
#include <memory>
#include <numeric>
#include <optional>

#include "runner/operator/memory_account.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

// Columns as they grow; those that nobody needs stay empty.
struct Rows {
  std::vector<std::optional<ColumnBuilder>> builders;
  std::uint32_t count = 0;

  void append(const std::vector<ColumnPtr>& columns, const Selection& selection) {
    std::vector<std::uint32_t> all;
    std::span<const std::uint32_t> rows = selection.rows();
    if (selection.dense()) {
      all.resize(selection.count());
      std::iota(all.begin(), all.end(), 0U);
      rows = all;
    }
    builders.resize(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!columns[i]) continue;
      if (!builders[i]) builders[i].emplace(columns[i]->type());
      builders[i]->append(*columns[i], rows);
    }
    count += selection.count();
  }
  std::vector<ColumnPtr> finish() {
    std::vector<ColumnPtr> columns(builders.size());
    for (std::size_t i = 0; i < builders.size(); ++i) {
      if (builders[i]) columns[i] = builders[i]->finish();
    }
    return columns;
  }
  // What so many rows more of these columns may take: columns double where their rows pass a power of two.
  std::size_t growth(const std::vector<ColumnPtr>& columns, std::uint32_t rows) const {
    const std::uint64_t room = std::bit_ceil(std::uint64_t{count} + rows);
    if (count != 0 && room == std::bit_ceil(count)) return 0;
    std::size_t total = 0;
    for (const ColumnPtr& column : columns) total += column ? room * storage_size(column->type().kind()) : 0;
    return total;
  }
  std::size_t bytes() const {
    std::size_t total = 0;
    for (const auto& builder : builders) total += builder ? builder->bytes() : 0;
    return total;
  }
};

class Local final : public BreakerLocal {
 public:
  Rows rows;
  std::unique_ptr<HeldMemory> held;
};

class Partial final : public BreakerPartial {
 public:
  std::vector<ColumnPtr> columns;
  std::uint32_t rows = 0;
  std::unique_ptr<HeldMemory> held;
};

class Run final : public BreakerRun, public Collected {
 public:
  Run(std::shared_ptr<const CollectSpec> spec, std::shared_ptr<MemoryAccount> whole)
      : spec_(std::move(spec)), memory_(std::make_shared<MemoryAccount>(std::move(whole))), held_(memory_) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<Local>(); }

  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex, KernelContext& context) override {
    std::vector<ColumnPtr> columns(spec_->inputs + spec_->computed.size());
    for (std::uint32_t i = 0; i < spec_->inputs; ++i) {
      if (spec_->needed[i]) columns[i] = batch.columns[i];
    }
    for (std::size_t i = 0; i < spec_->computed.size(); ++i) {
      columns[spec_->inputs + i] =
          evaluate(spec_->computed[i], {batch.columns, batch.rows}, batch.selection, context.eval);
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
    Rows& rows = local.rows;
    if (rows.count == 0) return nullptr;
    auto partial = std::make_unique<Partial>();
    partial->rows = rows.count;
    partial->columns = rows.finish();
    partial->held = std::move(local.held);
    rows = {};
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> base) override {
    const auto& partial = static_cast<const Partial&>(*base);
    if (!memory_->has_room(all_.growth(partial.columns, partial.rows))) return failure(memory_->refusal());
    all_.append(partial.columns, Selection::all(partial.rows));
    held_.set(all_.bytes());
    return {};
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override {
    columns_ = all_.finish();
    columns_.resize(spec_->inputs + spec_->computed.size());
    return {};
  }

  std::uint32_t partitions() const override { return 1; }
  std::uint32_t chunks() const override { return all_.count == 0 ? 0 : 1; }
  Result<RecordBatch> chunk(std::uint32_t, KernelContext&) override {
    RecordBatch batch;
    batch.rows = all_.count;
    batch.selection = Selection::all(batch.rows);
    batch.columns.assign(columns_.begin(), columns_.begin() + spec_->inputs);
    return batch;
  }
  const MemoryAccount* memory() const override { return memory_.get(); }

  std::uint32_t rows() const override { return all_.count; }
  const std::vector<ColumnPtr>& columns() const override { return columns_; }
  const std::shared_ptr<MemoryAccount>& account() const override { return memory_; }

 private:
  std::shared_ptr<const CollectSpec> spec_;
  Rows all_;
  std::vector<ColumnPtr> columns_;
  std::shared_ptr<MemoryAccount> memory_;
  HeldMemory held_;
};

class Collect final : public Breaker {
 public:
  explicit Collect(std::shared_ptr<const CollectSpec> spec) : spec_(std::move(spec)) {}

  // What its reader needs is in the spec; nobody else reads its result.
  std::vector<bool> prune(const std::vector<bool>&) override {
    std::vector<bool> needed = spec_->needed;
    for (const Expression& expression : spec_->computed) need_columns(expression, needed);
    return needed;
  }
  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<Run>(spec_, resources.memory);
  }
  std::string describe() const override { return fmt::format("collect {}", spec_->text); }

 private:
  std::shared_ptr<const CollectSpec> spec_;
};

}  // namespace

std::unique_ptr<Breaker> make_collect(std::shared_ptr<const CollectSpec> spec) {
  return std::make_unique<Collect>(std::move(spec));
}

const Collected& collected(const BreakerRun& run) {
  return static_cast<const Run&>(run);
}

}  // namespace streamrun
