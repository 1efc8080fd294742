#include "runner/operator/collect.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "runner/operator/memory_account.h"
#include "runner/operator/row_store.h"

namespace streamrun {
namespace {

class Local final : public BreakerLocal {
 public:
  RowStore rows;
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
  Run(const CollectSpec& spec, std::shared_ptr<MemoryAccount> whole)
      : spec_(spec), memory_(std::make_shared<MemoryAccount>(std::move(whole))), held_(memory_) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<Local>(); }

  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex, KernelContext& context) override {
    const std::vector<ColumnPtr> columns = spec_.columns.of(batch, context);
    if (batch.selection.empty()) return;
    auto& local = static_cast<Local&>(base);
    local.rows.append(columns, batch.selection);
    if (!local.held) local.held = std::make_unique<HeldMemory>(memory_);
    local.held->set(local.rows.bytes());
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& base) override {
    auto& local = static_cast<Local&>(base);
    RowStore& rows = local.rows;
    if (rows.count() == 0) return nullptr;
    auto partial = std::make_unique<Partial>();
    partial->rows = rows.count();
    partial->columns = rows.finish();
    partial->held = std::move(local.held);
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
    rows_ = all_.count();
    columns_ = all_.finish();
    columns_.resize(spec_.columns.inputs() + spec_.columns.computed.size());
    return {};
  }

  std::uint32_t partitions() const override { return 1; }
  std::uint32_t chunks() const override { return rows_ == 0 ? 0 : 1; }
  Result<RecordBatch> chunk(std::uint32_t, KernelContext&) override {
    RecordBatch batch;
    batch.rows = rows_;
    batch.selection = Selection::all(batch.rows);
    batch.columns.assign(columns_.begin(), columns_.begin() + spec_.columns.inputs());
    return batch;
  }
  const MemoryAccount* memory() const override { return memory_.get(); }

  std::uint32_t rows() const override { return rows_; }
  const std::vector<ColumnPtr>& columns() const override { return columns_; }
  const std::shared_ptr<MemoryAccount>& account() const override { return memory_; }

 private:
  const CollectSpec& spec_;
  RowStore all_;
  std::uint32_t rows_ = 0;  // once finished
  std::vector<ColumnPtr> columns_;
  std::shared_ptr<MemoryAccount> memory_;
  HeldMemory held_;
};

class Collect final : public Breaker {
 public:
  explicit Collect(CollectSpec spec) : spec_(std::move(spec)) {}

  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<Run>(spec_, resources.memory);
  }
  std::string describe() const override { return fmt::format("collect {}", spec_.text); }

 private:
  const CollectSpec spec_;
};

}  // namespace

std::unique_ptr<const Breaker> make_collect(CollectSpec spec) {
  return std::make_unique<Collect>(std::move(spec));
}

const Collected& collected(const BreakerRun& run) {
  return static_cast<const Run&>(run);
}

}  // namespace streamrun
