#include <fmt/format.h>

#include <map>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/memory_account.h"
#include "runner/operator/row_store.h"

namespace streamrun {
namespace {

struct GlomOptions {
  LocatedText as = LocatedText("rows", {});
};

struct GlomSpec {
  std::uint32_t inputs = 0;      // columns of the input, hidden ones included
  Type row;                      // a struct of the visible ones
  std::uint32_t partitions = 0;  // 0: those that have rows
};

using Partitions = std::map<std::uint32_t, RowStore>;

class GlomLocal final : public BreakerLocal {
 public:
  Partitions rows;
  std::unique_ptr<HeldMemory> held;
};

class GlomPartial final : public BreakerPartial {
 public:
  Partitions rows;
  std::unique_ptr<HeldMemory> held;
};

class GlomRun final : public BreakerRun {
 public:
  GlomRun(const GlomSpec& spec, std::shared_ptr<MemoryAccount> whole)
      : spec_(spec), memory_(std::make_shared<MemoryAccount>(std::move(whole))), held_(memory_) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<GlomLocal>(); }

  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex, KernelContext&) override {
    auto& local = static_cast<GlomLocal&>(base);
    batch.columns.resize(spec_.row.fields().size());
    local.rows[batch.partition.value].append(batch.columns, batch.selection);
    if (!local.held) local.held = std::make_unique<HeldMemory>(memory_);
    local.held->set(bytes_of(local.rows));
  }

  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& base) override {
    auto& local = static_cast<GlomLocal&>(base);
    if (local.rows.empty()) return nullptr;
    auto partial = std::make_unique<GlomPartial>();
    partial->rows = std::exchange(local.rows, {});
    partial->held = std::move(local.held);
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> base) override {
    for (auto& [partition, rows] : static_cast<GlomPartial&>(*base).rows) {
      const std::uint32_t count = rows.count();
      const std::vector<ColumnPtr> columns = rows.finish();
      RowStore& all = rows_[partition];
      if (!memory_->has_room(all.growth(columns, count))) return failure(memory_->refusal());
      all.append(columns, Selection::all(count));
    }
    held_.set(bytes_of(rows_));
    return {};
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override {
    for (std::uint32_t partition = 0; partition < spec_.partitions; ++partition) rows_[partition];
    for (const auto& [partition, rows] : rows_) order_.push_back(partition);
    return {};
  }

  std::uint32_t partitions() const override { return order_.empty() ? 0 : order_.back() + 1; }
  std::uint32_t chunks() const override { return static_cast<std::uint32_t>(order_.size()); }

  Result<RecordBatch> chunk(std::uint32_t index, KernelContext&) override {
    RowStore& rows = rows_.find(order_[index])->second;
    const std::uint32_t count = rows.count();
    const MutableColumn row = Column::make(spec_.row, count);
    row->children = rows.finish();
    row->children.resize(spec_.row.fields().size());
    for (std::size_t i = 0; i < row->children.size(); ++i) {
      if (!row->children[i]) row->children[i] = Column::make_null(spec_.row.fields()[i].type, count);
    }
    const MutableColumn list = Column::make(Type::array(spec_.row), 1);
    list->values<ListRef>()[0] = {0, count};
    list->children = {row};
    RecordBatch batch;
    batch.rows = 1;
    batch.selection = Selection::all(1);
    batch.partition = PartitionIndex{order_[index]};
    batch.columns = {list};
    return batch;
  }

  const MemoryAccount* memory() const override { return memory_.get(); }

 private:
  static std::size_t bytes_of(const Partitions& partitions) {
    std::size_t total = 0;
    for (const auto& [partition, rows] : partitions) total += rows.bytes();
    return total;
  }

  const GlomSpec& spec_;
  std::shared_ptr<MemoryAccount> memory_;
  HeldMemory held_;
  Partitions rows_;
  std::vector<std::uint32_t> order_;  // the partitions, once finished
};

class Glom final : public Breaker {
 public:
  explicit Glom(GlomSpec spec) : spec_(std::move(spec)) {}

  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<GlomRun>(spec_, resources.memory);
  }
  std::string describe() const override { return "collect each partition"; }

 private:
  GlomSpec spec_;
};

std::optional<BoundTransform> bind(const GlomOptions& options, BindContext& context) {
  const Schema& input = *context.inputs[0];
  GlomSpec spec;
  spec.inputs = input.size();
  spec.row = Type::structure(input.columns);
  spec.partitions = context.input_partitions;
  BoundTransform bound;
  bound.output.columns.push_back({options.as.value(), Type::array(spec.row)});
  bound.detail = options.as.value();
  const auto make = [spec = std::move(spec)](const std::vector<bool>&) {
    std::vector<bool> needed(spec.inputs, false);
    std::fill_n(needed.begin(), spec.row.fields().size(), true);
    return MadeStep::of(std::make_unique<Glom>(spec), std::move(needed));
  };
  bound.step = {.make = make, .keeps_origins = false};
  return bound;
}

}  // namespace

TransformDescriptor describe_glom() {
  return describe_transform<GlomOptions>(
      "glom", "a row a partition: all its rows in an array of structs", "glom, mapPartitions", "a int, b string",
      "glom: {as: rows}",
      Options<GlomOptions>{}.optional("as", &GlomOptions::as, "rows", "name of the array's column").table(), bind);
}

}  // namespace streamrun
