#include "runner/operator/windowed_rows.h"

#include <fmt/format.h>

#include <deque>
#include <memory>
#include <utility>

#include "runner/operator/spool.h"

namespace streamrun {
namespace {

struct WindowSpec {
  Duration window;
  Duration slide;
};

struct Pane {
  BatchTime batch;
  std::shared_ptr<BreakerRun> rows;  // finished
};

struct Panes final : StepState {
  std::deque<Pane> all;  // in order of time
};

class WindowRun final : public BreakerRun {
 public:
  WindowRun(const WindowSpec& spec, std::unique_ptr<BreakerRun> rows, const BreakerResources& resources)
      : spec_(spec),
        batch_(resources.batch),
        origin_(resources.origin),
        panes_(static_cast<Panes&>(*resources.state)),
        rows_(std::move(rows)) {}

  std::unique_ptr<BreakerLocal> local() override { return rows_->local(); }
  void add(BreakerLocal& local, RecordBatch&& batch, MorselIndex morsel, KernelContext& context) override {
    rows_->add(local, std::move(batch), morsel, context);
  }
  std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal& local) override { return rows_->end_morsel(local); }
  Result<> merge(std::unique_ptr<BreakerPartial> partial) override { return rows_->merge(std::move(partial)); }

  Result<> finish(std::vector<std::unique_ptr<BreakerLocal>> locals) override {
    if (auto done = rows_->finish(std::move(locals)); !done) return done;
    std::deque<Pane>& all = panes_.all;
    while (!all.empty() && all.front().batch.value <= batch_.value - spec_.window.count()) all.pop_front();
    if (is_covered()) all.push_back({batch_, std::move(rows_)});
    for (const Pane& pane : all) {
      for (std::uint32_t i = 0; i < pane.rows->chunks(); ++i) chunks_.push_back({pane.rows, i, partitions_});
      partitions_ += pane.rows->partitions();
    }
    return {};
  }

  std::uint32_t partitions() const override { return partitions_; }
  std::uint32_t chunks() const override { return static_cast<std::uint32_t>(chunks_.size()); }
  Result<RecordBatch> chunk(std::uint32_t index, KernelContext& context) override {
    const Chunk& chunk = chunks_[index];
    auto batch = chunk.rows->chunk(chunk.index, context);
    if (batch) batch->partition.value += chunk.first_partition;
    return batch;
  }

 private:
  struct Chunk {
    std::shared_ptr<BreakerRun> rows;
    std::uint32_t index = 0;
    std::uint32_t first_partition = 0;  // of its pane
  };

  // Some window will have this batch's rows: with a slide larger than the window, not all do.
  bool is_covered() const {
    const std::int64_t behind = (batch_.value - origin_.value) % spec_.slide.count();
    const std::int64_t next = behind == 0 ? batch_.value : batch_.value + spec_.slide.count() - behind;
    return batch_.value > next - spec_.window.count();
  }

  const WindowSpec& spec_;
  const BatchTime batch_;
  const BatchTime origin_;
  Panes& panes_;
  std::shared_ptr<BreakerRun> rows_;  // of this batch, until it is finished
  std::vector<Chunk> chunks_;
  std::uint32_t partitions_ = 0;
};

class Window final : public Breaker {
 public:
  Window(Schema schema, const WindowSpec& spec) : spec_(spec), spool_(make_spool(std::move(schema))) {}

  std::unique_ptr<StepState> make_state() const override { return std::make_unique<Panes>(); }
  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<WindowRun>(spec_, spool_->start(resources), resources);
  }
  std::string describe() const override {
    return fmt::format("keep the batches of {}, every {}", format_duration(spec_.window), format_duration(spec_.slide));
  }

 private:
  const WindowSpec spec_;
  const std::unique_ptr<const Breaker> spool_;
};

}  // namespace

StepFactory make_window(Schema schema, Duration window, Duration slide) {
  const auto make = [schema = std::move(schema), spec = WindowSpec{window, slide}](const std::vector<bool>& wanted) {
    return MadeStep::of(std::make_unique<Window>(schema, spec), wanted);
  };
  return {.make = make, .keeps_origins = false};
}

}  // namespace streamrun
