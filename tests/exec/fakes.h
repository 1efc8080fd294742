// Sources, kernels and sinks that show in which order the engine does what.
#pragma once

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/exec/run.h"
#include "runner/operator/spool.h"

namespace streamrun::fakes {

// What happened, in order. Thread-safe.
class Events {
 public:
  void add(std::string event) {
    const std::scoped_lock lock(mutex_);
    all_.push_back(std::move(event));
    changed_.notify_all();
  }
  std::vector<std::string> all() const {
    const std::scoped_lock lock(mutex_);
    return all_;
  }
  void wait_for(const std::string& event) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return std::find(all_.begin(), all_.end(), event) != all_.end(); });
  }
  std::size_t count(std::string_view event) const {
    const std::scoped_lock lock(mutex_);
    return static_cast<std::size_t>(std::count(all_.begin(), all_.end(), event));
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

// `in:3` for the third record of the range's morsels taken together.
class TextOrigin final : public Origin {
 public:
  TextOrigin(std::vector<std::string> lines, std::size_t before) : lines_(std::move(lines)), before_(before) {
    for (const std::string& line : lines_) views_.emplace_back(line);
  }
  std::string place(std::uint32_t record) const override { return "in:" + std::to_string(before_ + record + 1); }
  const std::string_view* raw(std::uint32_t record) const override { return &views_[record]; }
  ColumnPtr hidden(std::string_view name, std::uint32_t first, std::uint32_t count) const override {
    if (name != "_line") return nullptr;
    const MutableColumn lines = Column::make(TypeKind::int64, count);
    for (std::uint32_t i = 0; i < count; ++i) {
      lines->values<std::int64_t>()[i] = static_cast<std::int64_t>(before_ + first + i + 1);
    }
    return lines;
  }
  const std::vector<std::string_view>& views() const { return views_; }

 private:
  std::vector<std::string> lines_;
  std::vector<std::string_view> views_;
  std::size_t before_;
};

// Numbers as text; anything else is an error of its record.
class NumberDecoder final : public Decoder {
 public:
  std::vector<ColumnPtr> decode(const RawRecords& records, const StreamContext&, std::uint32_t first,
                                std::uint32_t count, DecodeScratch*, RowErrors& errors,
                                std::vector<std::uint32_t>&) const override {
    const MutableColumn column = Column::make(TypeKind::int64, count);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::string_view text = records.records[first + i];
      std::int64_t& value = column->values<std::int64_t>()[i];
      value = 0;
      const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (fault != std::errc() || end != text.data() + text.size()) {
        errors.add(i, "'" + std::string(text) + "' is no number");
      }
    }
    return {column};
  }
};

using Lines = std::vector<std::string>;
using Ranges = std::vector<std::vector<Lines>>;  // batches of morsels of lines

class LineReader final : public RangeReader {
 public:
  LineReader(const std::vector<Lines>& morsels, std::string fails) : morsels_(morsels), fails_(std::move(fails)) {}
  Result<bool> next(Morsel& morsel) override {
    if (at_ == morsels_.size()) {
      if (!fails_.empty()) return failure(fails_);
      return false;
    }
    const auto origin = std::make_shared<TextOrigin>(morsels_[at_], before_);
    morsel.partition = PartitionIndex(static_cast<std::uint32_t>(at_ % 4));
    morsel.raw.keep = origin;
    morsel.raw.records = origin->views();
    morsel.origin = origin;
    before_ += morsels_[at_++].size();
    return true;
  }

 private:
  const std::vector<Lines>& morsels_;
  std::string fails_;
  std::size_t at_ = 0;
  std::size_t before_ = 0;
};

struct FakeSourceOptions {
  Ranges ranges = {};
  bool endless = false;         // empty ranges follow
  std::string read_fails = {};  // behind the last morsel of the last range
  Events* events = nullptr;
  std::optional<BatchTime> last_batch = std::nullopt;
  bool ended = false;  // nothing comes later than now
};

class FakeSource final : public Source {
 public:
  explicit FakeSource(FakeSourceOptions options) : options_(std::move(options)) {}
  Result<std::string> start(const std::optional<std::string>& resume) override {
    note("start");
    return resume.value_or("0");
  }
  Result<SourceRange> plan(const std::string& from, const BatchLimits&, BatchTime) override {
    const std::size_t at = std::stoul(from);
    SourceRange range{from, from, true, false};
    if (at < options_.ranges.size()) {
      range.until = std::to_string(at + 1);
      range.empty = options_.ranges[at].empty();
    }
    range.exhausted = !options_.endless && at + 1 >= options_.ranges.size();
    return range;
  }
  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    note("read " + range.from);
    const std::size_t at = std::stoul(range.from);
    const bool last = at + 1 == options_.ranges.size();
    return std::make_unique<LineReader>(options_.ranges[at], last ? options_.read_fails : std::string());
  }
  void committed(const std::string& cursor, BatchTime) override { note("committed " + cursor); }
  std::optional<BatchTime> last_batch() const override { return options_.last_batch; }
  bool ended() const override { return options_.ended; }

 private:
  void note(std::string event) {
    if (options_.events != nullptr) options_.events->add(std::move(event));
  }
  FakeSourceOptions options_;
};

class FunctionKernel final : public Kernel {
 public:
  using Function = std::function<void(RecordBatch&&, std::size_t, KernelContext&, const Emit&)>;
  explicit FunctionKernel(Function function) : function_(std::move(function)) {}
  void apply(RecordBatch&& batch, std::size_t input, KernelState*, KernelContext& context,
             const Emit& emit) const override {
    function_(std::move(batch), input, context, emit);
  }

 private:
  Function function_;
};

struct FakeSinkOptions {
  std::string name = {};
  Events* events = nullptr;
  std::uint32_t publish_failures = 0;  // before the first that works
  std::string append_fails = {};
  std::function<void(BatchTime)> publishing = {};  // while it publishes
  std::size_t drain_at = 0;                        // drainable says 1 MiB from this many bytes on
};

class FakeSink final : public Sink {
 public:
  explicit FakeSink(FakeSinkOptions options) : options_(std::move(options)) {}
  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    StagedRows rows;
    batch.selection.for_each([&](std::uint32_t row) {
      ++rows.rows;
      for (const ColumnPtr& column : batch.columns) {
        if (column == nullptr) continue;
        if (&column != &batch.columns.front()) rows.bytes += '|';
        if (column->is_null(row)) {
          rows.bytes += "null";
        } else if (column->type().kind() == TypeKind::string || column->type().kind() == TypeKind::binary) {
          const StringRef text = column->value<StringRef>(row);
          rows.bytes += text.view();
        } else {
          rows.bytes += std::to_string(column->value<std::int64_t>(row));
        }
      }
      rows.bytes += ' ';
    });
    out.push_back(std::move(rows));
  }
  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override { return std::make_unique<FakeStage>(*this, batch); }

 private:
  class FakeStage final : public Stage {
   public:
    FakeStage(FakeSink& sink, BatchTime batch) : sink_(sink), batch_(batch) {}
    Result<> append(StagedRows&& rows) override {
      if (!sink_.options_.append_fails.empty()) return failure(sink_.options_.append_fails);
      text_ += rows.bytes;
      return {};
    }
    Result<> publish() override {
      const FakeSinkOptions& options = sink_.options_;
      if (options.publishing) options.publishing(batch_);
      if (sink_.tries_++ < options.publish_failures) return failure("it broke", ErrorKind::transient);
      note(" publish " + text_);
      return {};
    }
    void discard() override { note(" discard"); }
    std::size_t drainable() const override {
      const std::size_t at = sink_.options_.drain_at;
      return at != 0 && text_.size() >= at ? std::size_t{1} << 20 : 0;
    }
    Result<> drain() override {
      note(" drain " + std::exchange(text_, {}));
      return {};
    }

   private:
    void note(const std::string& what) {
      sink_.options_.events->add(sink_.options_.name + "@" + std::to_string(batch_.value) + what);
    }
    FakeSink& sink_;
    BatchTime batch_;
    std::string text_;
  };

  FakeSinkOptions options_;
  std::uint32_t tries_ = 0;
};

// A plan in the making: nodes in the order they are added; edges afterwards.
class PlanBuilder {
 public:
  PlanBuilder() {
    plan.settings.name = "fake";
    plan.settings.parallelism = 1;
    plan.settings.memory = ByteSize{std::uint64_t{1} << 30};
    plan.phases.resize(1);
  }

  NodeId source(FakeSourceOptions options, OnError on_error = OnError::fail, bool table = false) {
    PlanSource made;
    made.name = "in";
    made.table = table;
    made.bound.open = [options](const Environment&) { return std::make_unique<FakeSource>(options); };
    made.decoder = std::make_unique<NumberDecoder>();
    PlanNode& node = add(PlanNode::Kind::source, "in");
    node.on_error = on_error;
    node.source = plan.sources.size();
    plan.sources.push_back(std::move(made));
    return node.id;
  }
  NodeId kernel(FunctionKernel::Function function, OnError on_error = OnError::fail, std::string stage = "step") {
    PlanNode& node = add(PlanNode::Kind::kernel, std::move(stage));
    node.on_error = on_error;
    node.kernel = std::make_unique<FunctionKernel>(std::move(function));
    return node.id;
  }
  NodeId spool() {
    PlanNode& node = add(PlanNode::Kind::breaker, "spool");
    node.breaker = make_spool(node.schema);
    return node.id;
  }
  NodeId errors(std::vector<Field> hidden = {}) {
    PlanNode& node = add(PlanNode::Kind::errors, "in.errors");
    const Type text(TypeKind::string);
    node.schema.columns = {
        {"raw", text}, {"error", text}, {"stage", text}, {"place", text}, {"batch", Type(TypeKind::timestamp)}};
    node.schema.hidden = std::move(hidden);
    return node.id;
  }
  NodeId output(FakeSinkOptions options) {
    PlanOutput made;
    made.name = options.name;
    made.bound.drains = options.drain_at != 0;
    made.bound.open = [options](const Environment&) { return std::make_unique<FakeSink>(options); };
    PlanNode& node = add(PlanNode::Kind::output, "out");
    node.output = plan.outputs.size();
    plan.outputs.push_back(std::move(made));
    return node.id;
  }
  void connect(NodeId from, NodeId to, std::size_t port = 0) { at(from).consumers.push_back({to, port}); }
  PlanNode& at(NodeId id) { return plan.nodes[id.value]; }

  PhysicalPlan plan;

 private:
  PlanNode& add(PlanNode::Kind kind, std::string stage) {
    PlanNode& node = plan.nodes.emplace_back();
    node.id = NodeId(static_cast<std::uint32_t>(plan.nodes.size() - 1));
    node.kind = kind;
    node.stage = std::move(stage);
    node.schema.columns = {{"value", Type(TypeKind::int64)}};
    return node;
  }
};

struct World {
  SimulatedClock clock{BatchTime(0)};
  Events warnings;
  Environment environment;
  RunOptions options;
  std::stop_source finish;
  std::stop_source abort;

  World() {
    environment.clock = &clock;
    environment.log = [this](LogLevel, const std::string& message) { warnings.add(message); };
    options.available_now = true;
  }
  RunReport run(const PhysicalPlan& plan, const std::function<void(const BatchProgress&)>& progress = {}) {
    return run_plan(plan, environment, options, StopSignals{finish.get_token(), abort.get_token()}, progress);
  }
};

// `count` morsels of `size` numbers, from 0 on.
inline std::vector<Lines> numbers(std::size_t count, std::size_t size) {
  std::vector<Lines> morsels(count);
  std::size_t next = 0;
  for (Lines& lines : morsels) {
    for (std::size_t i = 0; i < size; ++i) lines.push_back(std::to_string(next++));
  }
  return morsels;
}

inline std::string joined(const std::vector<Lines>& morsels) {
  std::string text;
  for (const Lines& lines : morsels) {
    for (const std::string& line : lines) text += line + ' ';
  }
  return text;
}

}  // namespace streamrun::fakes
