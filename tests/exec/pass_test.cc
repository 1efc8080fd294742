#include <atomic>
#include <catch2/catch.hpp>

#include "tests/exec/fakes.h"

namespace streamrun::fakes {
namespace {

void double_values(RecordBatch&& batch, std::size_t, KernelContext&, const Emit& emit) {
  const MutableColumn twice = Column::make(TypeKind::int64, batch.rows);
  batch.selection.for_each(
      [&](std::uint32_t row) { twice->values<std::int64_t>()[row] = 2 * batch.columns[0]->value<std::int64_t>(row); });
  batch.columns[0] = twice;
  emit(std::move(batch));
}

// Rejects the values that are multiples of `factor`.
FunctionKernel::Function reject_multiples(std::int64_t factor) {
  return [factor](RecordBatch&& batch, std::size_t, KernelContext& context, const Emit& emit) {
    std::vector<RowError> errors;
    std::vector<std::uint32_t> rows;
    batch.selection.for_each([&](std::uint32_t row) {
      if (batch.columns[0]->value<std::int64_t>(row) % factor != 0) return;
      errors.push_back({row, "a multiple"});
      rows.push_back(row);
    });
    context.reject(batch, std::move(errors));
    batch.selection = without(batch.selection, rows);
    emit(std::move(batch));
  };
}

struct Threads {
  std::uint32_t count;
  std::optional<std::uint64_t> seed;
};
const Threads kThreads[] = {{1, {}}, {4, {}}, {4, 1}, {4, 2}, {3, 3}};

TEST_CASE("rows keep the order of the source at any parallelism") {
  for (const auto& [threads, seed] : kThreads) {
    CAPTURE(threads);
    const std::vector<Lines> input = numbers(60, 37);
    World world;
    Events events;
    PlanBuilder builder;
    const NodeId in = builder.source({.ranges = {input}});
    const NodeId step = builder.kernel(double_values);
    const NodeId spool = builder.spool();
    const NodeId a = builder.output({.name = "a", .events = &events});
    const NodeId b = builder.output({.name = "b", .events = &events});
    const NodeId c = builder.output({.name = "c", .events = &events});
    builder.connect(in, a);
    builder.connect(in, step);
    builder.connect(in, spool);
    builder.connect(step, b);
    builder.connect(spool, c);
    builder.plan.phases.resize(2);
    builder.plan.phases[0] = {{in}, {}, {spool}};
    builder.plan.phases[1] = {{spool}, {}, {}};
    builder.plan.settings.parallelism = threads;
    world.options.shuffle_seed = seed;
    world.options.spool_memory = 2000;  // most of it goes to disk
    const RunReport report = world.run(builder.plan);
    CHECK_FALSE(report.failure);
    CHECK(report.sources[0].rows == 60 * 37);
    std::string twice;
    for (int i = 0; i < 60 * 37; ++i) twice += std::to_string(2 * i) + ' ';
    CHECK(events.all() == std::vector<std::string>{"a@1000 publish " + joined(input), "b@1000 publish " + twice,
                                                   "c@1000 publish " + joined(input)});
  }
}

// Holds so many bytes a row.
class Hoard final : public Breaker {
 public:
  std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const override {
    return std::make_unique<Run>(resources.memory);
  }
  std::string describe() const override { return "hoard"; }

 private:
  class Run final : public BreakerRun {
   public:
    explicit Run(const std::shared_ptr<MemoryAccount>& whole) : memory_(std::make_shared<MemoryAccount>(whole)) {}
    std::unique_ptr<BreakerLocal> local() override { return std::make_unique<BreakerLocal>(); }
    void add(BreakerLocal&, RecordBatch&& batch, MorselIndex, KernelContext&) override {
      memory_->change(1000 * batch.selection.count(), 0);
    }
    Result<> finish(std::vector<std::unique_ptr<BreakerLocal>>) override { return {}; }
    std::uint32_t partitions() const override { return 1; }
    std::uint32_t chunks() const override { return 0; }
    Result<RecordBatch> chunk(std::uint32_t, KernelContext&) override { return RecordBatch(); }
    const MemoryAccount* memory() const override { return memory_.get(); }

   private:
    std::shared_ptr<MemoryAccount> memory_;
  };
};

TEST_CASE("a breaker over its memory fails the batch and is named") {
  for (const bool enough : {true, false}) {
    World world;
    Events events;
    PlanBuilder builder;
    const NodeId in = builder.source({.ranges = {numbers(60, 37)}});
    const NodeId hoard = builder.spool();
    const NodeId a = builder.output({.name = "a", .events = &events});
    builder.at(hoard).breaker = std::make_unique<Hoard>();
    builder.at(hoard).stage = "s step 1 (hoard)";
    builder.connect(in, hoard);
    builder.connect(hoard, a);
    builder.plan.phases.resize(2);
    builder.plan.phases[0] = {{in}, {}, {hoard}};
    builder.plan.phases[1] = {{hoard}, {}, {}};
    builder.plan.settings.memory = {enough ? 60 * 37 * 1000U : 100'000U};
    const RunReport report = world.run(builder.plan);
    CHECK(report.failure.has_value() == !enough);
    if (enough) continue;
    CHECK(report.failure->message.starts_with(
        "s step 1 (hoard): it holds 111000 bytes, and all steps together may hold 100000B"));
    CHECK(events.all() == std::vector<std::string>{"a@1000 discard"});
  }
}

TEST_CASE("the record that stops the batch is the first in source order") {
  for (const auto& [threads, seed] : kThreads) {
    std::vector<Lines> input = numbers(40, 10);
    input[20][3] = "x";
    input[21][0] = "y";
    input[39][0] = "z";
    World world;
    Events events;
    PlanBuilder builder;
    const NodeId in = builder.source({.ranges = {input}});
    const NodeId a = builder.output({.name = "a", .events = &events});
    builder.connect(in, a);
    builder.plan.phases[0].drivers = {in};
    builder.plan.settings.parallelism = threads;
    world.options.shuffle_seed = seed;
    const RunReport report = world.run(builder.plan);
    REQUIRE(report.failure);
    CHECK(report.failure->message == "in:204: in: 'x' is no number; the record: x");
    CHECK(events.all() == std::vector<std::string>{"a@1000 discard"});
    CHECK(report.batches == 0);
  }
}

TEST_CASE("of two branches the earlier record fails, not the earlier branch") {
  World world;
  Events events;
  PlanBuilder builder;
  const NodeId in = builder.source({.ranges = {{{"1", "3", "2", "5"}}}});
  const NodeId first = builder.kernel(reject_multiples(2), OnError::fail, "first");
  const NodeId second = builder.kernel(reject_multiples(3), OnError::fail, "second");
  const NodeId a = builder.output({.name = "a", .events = &events});
  builder.connect(in, first);
  builder.connect(in, second);
  builder.connect(first, a);
  builder.connect(second, a);
  builder.plan.phases[0].drivers = {in};
  const RunReport report = world.run(builder.plan);
  REQUIRE(report.failure);
  CHECK(report.failure->message == "in:2: second: a multiple; the record: 3");
}

TEST_CASE("dropped records are counted and the first of each kind is said") {
  World world;
  Events events;
  PlanBuilder builder;
  const NodeId in = builder.source({.ranges = {{{"1", "x", "2"}, {"x", "y", "3"}}}}, OnError::drop);
  const NodeId a = builder.output({.name = "a", .events = &events});
  builder.connect(in, a);
  builder.plan.phases[0].drivers = {in};
  const RunReport report = world.run(builder.plan);
  CHECK_FALSE(report.failure);
  CHECK(report.rejected == 3);
  CHECK(events.all() == std::vector<std::string>{"a@1000 publish 1 2 3 "});
  CHECK(world.warnings.all() ==
        std::vector<std::string>{"dropped: in:2: in: 'x' is no number; the record: x", "in: dropped 3 records in all"});
}

TEST_CASE("routed records are rows of the errors stream, in row order") {
  for (const auto& [threads, seed] : kThreads) {
    World world;
    Events events;
    PlanBuilder builder;
    const NodeId in = builder.source({.ranges = {{{"1", "x", "4"}, {"6", "b\xFF", "3"}}}}, OnError::route);
    const NodeId step = builder.kernel(reject_multiples(2), OnError::route);
    const NodeId errors = builder.errors({{"_line", Type(TypeKind::int64)}});
    const NodeId a = builder.output({.name = "a", .events = &events});
    const NodeId bad = builder.output({.name = "bad", .events = &events});
    builder.at(in).errors = errors;
    builder.at(step).errors = errors;
    builder.connect(in, step);
    builder.connect(step, a);
    builder.connect(errors, bad);
    builder.plan.phases[0].drivers = {in};
    builder.plan.settings.parallelism = threads;
    world.options.shuffle_seed = seed;
    const RunReport report = world.run(builder.plan);
    CHECK_FALSE(report.failure);
    CHECK(report.rejected == 4);
    CHECK(events.all() == std::vector<std::string>{
                              "a@1000 publish 1 3 ",
                              "bad@1000 publish x|'x' is no number|in|in:2|1000000|2 4|a multiple|step|in:3|1000000|3 "
                              "6|a multiple|step|in:4|1000000|4 "
                              "b\xEF\xBF\xBD|'b\xFF' is no number|in|in:5|1000000|5 "});
  }
}

TEST_CASE("an output that is reached out of partition order is staged by partition") {
  World world;
  Events events;
  PlanBuilder builder;
  // Partitions 0, 1, 2, 3, 0, 1.
  const NodeId in = builder.source({.ranges = {{{"0"}, {"10"}, {"20"}, {"30"}, {"1"}, {"11"}}}});
  const NodeId a = builder.output({.name = "a", .events = &events});
  builder.connect(in, a);
  builder.plan.outputs[0].interleaved = true;
  builder.plan.phases[0].drivers = {in};
  CHECK_FALSE(world.run(builder.plan).failure);
  CHECK(events.all() == std::vector<std::string>{"a@1000 publish 0 1 10 11 20 30 "});
}

TEST_CASE("what goes wrong outside of records stops the run and hangs nobody") {
  for (const auto& [threads, seed] : kThreads) {
    SECTION("reading " + std::to_string(threads) + std::to_string(seed.value_or(0))) {
      World world;
      Events events;
      PlanBuilder builder;
      const NodeId in = builder.source({.ranges = {numbers(30, 2)}, .read_fails = "the disk is gone"});
      const NodeId a = builder.output({.name = "a", .events = &events});
      builder.connect(in, a);
      builder.plan.phases[0].drivers = {in};
      builder.plan.settings.parallelism = threads;
      world.options.shuffle_seed = seed;
      const RunReport report = world.run(builder.plan);
      REQUIRE(report.failure);
      CHECK(report.failure->message == "the disk is gone");
    }
    SECTION("staging " + std::to_string(threads) + std::to_string(seed.value_or(0))) {
      World world;
      Events events;
      PlanBuilder builder;
      const NodeId in = builder.source({.ranges = {numbers(30, 2)}});
      const NodeId a = builder.output({.name = "a", .events = &events, .append_fails = "no space"});
      builder.connect(in, a);
      builder.plan.phases[0].drivers = {in};
      builder.plan.settings.parallelism = threads;
      world.options.shuffle_seed = seed;
      const RunReport report = world.run(builder.plan);
      REQUIRE(report.failure);
      CHECK(report.failure->message == "output 'a': no space");
      CHECK(events.all() == std::vector<std::string>{"a@1000 discard"});
    }
  }
}

TEST_CASE("a full stage drains while the pass goes on, if its turn has come") {
  World world;
  Events events;
  PlanBuilder builder;
  const NodeId in = builder.source({.ranges = {{{"1", "2"}, {"3", "4"}, {"5"}}}});
  const NodeId a = builder.output({.name = "a", .events = &events, .drain_at = 4});
  const NodeId b = builder.output({.name = "b", .events = &events, .drain_at = 4});
  builder.connect(in, a);
  builder.connect(in, b);
  builder.plan.phases[0].drivers = {in};
  CHECK_FALSE(world.run(builder.plan).failure);
  CHECK(events.all() == std::vector<std::string>{"a@1000 drain 1 2 ", "a@1000 drain 3 4 ", "a@1000 publish 5 ",
                                                 "b@1000 publish 1 2 3 4 5 "});
}

TEST_CASE("rows of a morsel that are too many leave it before it has ended, in order") {
  for (const std::uint32_t threads : {1U, 4U}) {
    World world;
    Events events;
    PlanBuilder builder;
    const NodeId in = builder.source({.ranges = {{{"0"}, {"1"}, {"2"}}}});
    constexpr std::int64_t kMade = 2'000'000;
    const NodeId many = builder.kernel([](RecordBatch&& batch, std::size_t, KernelContext&, const Emit& emit) {
      const std::int64_t first = batch.columns[0]->value<std::int64_t>(0) * kMade;
      RecordBatch made;
      made.rows = kMade;
      made.selection = Selection::all(made.rows);
      const MutableColumn column = Column::make(TypeKind::int64, made.rows);
      for (std::int64_t i = 0; i < kMade; ++i) column->values<std::int64_t>()[i] = first + i;
      made.columns.push_back(column);
      emit(std::move(made));
    });
    const NodeId out = builder.output({.name = "a", .events = &events, .drain_at = 1});
    builder.connect(in, many);
    builder.connect(many, out);
    builder.plan.phases[0].drivers = {in};
    builder.plan.settings.parallelism = threads;
    CHECK_FALSE(world.run(builder.plan).failure);
    std::string written;
    std::size_t largest = 0;
    for (const std::string& event : events.all()) {
      const std::size_t begin = event.find(event.starts_with("a@1000 drain") ? "drain " : "publish ");
      written += event.substr(event.find(' ', begin) + 1);
      largest = std::max(largest, event.size());
    }
    std::string expected;
    for (std::int64_t i = 0; i < 3 * kMade; ++i) expected += std::to_string(i) + ' ';
    CHECK((written == expected));
    CHECK(largest < 10'000'000);
  }
}

// A side that counts the rows of its input.
class CountSide final : public Kernel {
 public:
  explicit CountSide(Events& events) : events_(events) {}
  std::unique_ptr<KernelState> start(std::span<BreakerRun* const> sides) const override {
    events_.add("side of " + std::to_string(sides[0]->chunks()));
    return nullptr;
  }
  void apply(RecordBatch&& batch, std::size_t, KernelState*, KernelContext&, const Emit& emit) const override {
    emit(std::move(batch));
  }

 private:
  Events& events_;
};

TEST_CASE("a table is read once and kept, or again after its refresh") {
  for (const bool refresh : {false, true}) {
    World world;
    Events events;
    Events reads;
    PlanBuilder builder;
    const NodeId table = builder.source({.ranges = {{{"7"}}, {{"8"}}}, .events = &reads}, OnError::fail, true);
    const NodeId side = builder.spool();
    const NodeId in = builder.source({.ranges = {{{"1"}}, {{"2"}}, {{"3"}}}});
    const NodeId join = builder.kernel(double_values);
    const NodeId a = builder.output({.name = "a", .events = &events});
    builder.at(join).kernel = std::make_unique<CountSide>(events);
    builder.at(join).sides = {side};
    builder.connect(table, side);
    builder.connect(in, join);
    builder.connect(join, a);
    builder.plan.phases.resize(2);
    builder.plan.phases[0] = {{table}, {}, {side}};
    builder.plan.phases[1] = {{in}, {}, {}};
    if (refresh) builder.plan.sources[0].refresh = Duration(2000);
    CHECK_FALSE(world.run(builder.plan).failure);
    CHECK(events.all() == std::vector<std::string>{"side of 2", "a@1000 publish 1 ", "side of 2", "a@2000 publish 2 ",
                                                   "side of 2", "a@3000 publish 3 "});
    CHECK(reads.count("start") == (refresh ? 2 : 1));
  }
}

}  // namespace
}  // namespace streamrun::fakes
