#include "runner/operator/row_sorter.h"

#include <utility>

#include "runner/operator/memory_account.h"
#include "runner/operator/projection.h"
#include "runner/operator/row_store.h"
#include "runner/operator/sorted_runs.h"

namespace streamrun {
namespace {

struct Sorting {
  explicit Sorting(SortSpec spec)
      : kept{std::vector<bool>(spec.schema.size(), true), std::move(spec.keys)},
        layout{{}, spec.schema.size(), RowOrder(std::move(spec.directions)), spec.group, spec.limit},
        text(std::move(spec.text)) {
    for (std::uint32_t i = 0; i < spec.schema.size(); ++i) layout.stored.columns.push_back(spec.schema.at(i));
    for (std::uint32_t i = 0; i < spec.schema.size(); ++i) from.push_back(i);
    for (const Expression& key : kept.computed) {
      const auto stored = static_cast<std::uint32_t>(layout.stored.columns.size());
      if (const auto column = key.column()) from[*column] = stored;
      layout.stored.columns.push_back({"", key.type()});
    }
  }

  KeptColumns kept;                 // the input's, then the keys
  std::vector<std::uint32_t> from;  // a column of the input is stored as this one: once, if it is a key
  RunLayout layout;
  std::string text;
};

class Local final : public BreakerLocal {
 public:
  RowStore rows;
  std::unique_ptr<HeldMemory> held;
};

class Partial final : public BreakerPartial {
 public:
  SortedRun run;
  std::unique_ptr<HeldMemory> held;
};

class Run final : public BreakerRun {
 public:
  Run(const Sorting& sorting, const BreakerResources& resources)
      : sorting_(sorting),
        memory_(std::make_shared<MemoryAccount>(resources.memory)),
        spilling_(memory_),
        runs_(sorting.layout, memory_, resources.spools) {}

  std::unique_ptr<BreakerLocal> local() override { return std::make_unique<Local>(); }

  void add(BreakerLocal& base, RecordBatch&& batch, MorselIndex, KernelContext& context) override {
    std::vector<ColumnPtr> columns = sorting_.kept.of(batch, context);
    if (batch.selection.empty()) return;
    for (std::uint32_t i = 0; i < sorting_.from.size(); ++i) {
      if (sorting_.from[i] != i) columns[i] = nullptr;
    }
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
    partial->run = sorted_run(sorting_.layout, local.rows.finish(), count);
    if (sorting_.layout.limit) cut(sorting_.layout, partial->run);
    partial->held = std::move(local.held);
    return partial;
  }

  Result<> merge(std::unique_ptr<BreakerPartial> partial) override {
    const auto limit = sorting_.layout.limit;
    // Where rows stay in the order they came, those behind the limit are known.
    if (sorting_.layout.order.keys() == 0 && limit && runs_.in_memory() >= *limit) return {};
    return runs_.add(std::move(static_cast<Partial&>(*partial).run));
  }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override { return runs_.finish(); }

  std::uint32_t partitions() const override { return 1; }
  std::uint32_t chunks() const override { return runs_.chunks(); }

  Result<RecordBatch> chunk(std::uint32_t index, KernelContext&) override {
    auto chunk = runs_.chunk(index);
    if (!chunk) return pass_on(chunk);
    RecordBatch batch;
    for (const std::uint32_t stored : sorting_.from) batch.columns.push_back(chunk->columns[stored]);
    batch.rows = chunk->rows;
    batch.selection = Selection::all(batch.rows);
    return batch;
  }

  const MemoryAccount* memory() const override { return memory_.get(); }

 private:
  const Sorting& sorting_;
  const std::shared_ptr<MemoryAccount> memory_;
  const SpillingMember spilling_;
  SortedRuns runs_;
};

class Sort final : public Breaker {
 public:
  explicit Sort(Sorting sorting) : sorting_(std::move(sorting)) {}

  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<Run>(sorting_, resources);
  }
  std::string describe() const override { return sorting_.layout.limit ? sorting_.text : sorting_.text + kSpills; }

 private:
  const Sorting sorting_;
};

}  // namespace

StepFactory make_sort(SortSpec spec) {
  const auto make = [sorting = Sorting(std::move(spec))](const std::vector<bool>& output_needed) {
    Sorting own = sorting;
    own.kept.needed = output_needed;
    std::vector<bool> needed = own.kept.read();
    return MadeStep::of(std::make_unique<Sort>(std::move(own)), std::move(needed));
  };
  return {.make = make, .keeps_origins = false};
}

}  // namespace streamrun
