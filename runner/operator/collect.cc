#include "runner/operator/collect.h"

#include <fmt/format.h>

#include <atomic>
#include <numeric>
#include <optional>

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
  std::size_t bytes() const {
    std::size_t total = 0;
    for (const auto& builder : builders) total += builder ? builder->bytes() : 0;
    return total;
  }
};

class Local final : public BreakerLocal {
 public:
  Rows rows;
};

class Partial final : public BreakerPartial {
 public:
  std::vector<ColumnPtr> columns;
  std::uint32_t rows = 0;
};

class Run final : public BreakerRun, public Collected {
 public:
  explicit Run(std::shared_ptr<const CollectSpec> spec) : spec_(std::move(spec)) {}

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
    if (!batch.selection.empty()) static_cast<Local&>(base).rows.append(columns, batch.selection);
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& base) override {
    Rows& rows = static_cast<Local&>(base).rows;
    if (rows.count == 0) return nullptr;
    auto partial = std::make_unique<Partial>();
    partial->rows = rows.count;
    partial->columns = rows.finish();
    rows = {};
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> base) override {
    const auto& partial = static_cast<const Partial&>(*base);
    all_.append(partial.columns, Selection::all(partial.rows));
    bytes_.store(all_.bytes(), std::memory_order_relaxed);
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
  std::size_t bytes() const override { return bytes_.load(std::memory_order_relaxed); }

  std::uint32_t rows() const override { return all_.count; }
  const std::vector<ColumnPtr>& columns() const override { return columns_; }

 private:
  std::shared_ptr<const CollectSpec> spec_;
  Rows all_;
  std::vector<ColumnPtr> columns_;
  std::atomic<std::size_t> bytes_ = 0;
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
  std::unique_ptr<BreakerRun> start(const std::shared_ptr<SpoolPool>&) const override {
    return std::make_unique<Run>(spec_);
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
