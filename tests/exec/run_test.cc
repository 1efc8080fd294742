#include <atomic>
#include <catch2/catch.hpp>

#include "tests/exec/fakes.h"

namespace streamrun::fakes {
namespace {

struct Simple {
  World world;
  Events events;
  PlanBuilder builder;
  NodeId in;

  explicit Simple(Ranges ranges, bool endless = false) {
    in = builder.source({.ranges = std::move(ranges), .endless = endless, .events = &events});
    builder.plan.phases[0].drivers = {in};
  }
  void output(FakeSinkOptions options) {
    options.events = &events;
    builder.connect(in, builder.output(std::move(options)));
  }
  std::vector<std::string> published() const {
    std::vector<std::string> chosen;
    for (const std::string& event : events.all()) {
      if (event.find('@') != std::string::npos) chosen.push_back(event);
    }
    return chosen;
  }
};

TEST_CASE("a bounded source gives a batch for each range, an empty one a batch") {
  for (const bool available_now : {true, false}) {
    Simple three({{{"1"}}, {}, {{"3"}}});
    three.output({.name = "a"});
    three.world.options.available_now = available_now;
    CHECK(three.world.run(three.builder.plan).batches == 3);
    CHECK(three.published() == std::vector<std::string>{"a@1000 publish 1 ", "a@2000 publish ", "a@3000 publish 3 "});
    Simple none({});
    none.output({.name = "a"});
    none.world.options.available_now = available_now;
    CHECK(none.world.run(none.builder.plan).batches == 1);
  }
}

TEST_CASE("in real time what has ended waits for the clock, too") {
  for (const bool realtime : {false, true}) {
    World world;
    PlanBuilder builder;
    const NodeId in = builder.source({.ranges = {{{"1"}}, {{"2"}}}, .ended = true});
    builder.plan.phases[0].drivers = {in};
    Events published;
    builder.connect(in, builder.output({.events = &published}));
    world.options.available_now = false;
    world.options.realtime = realtime;
    std::vector<bool> late;
    const auto note = [&](const BatchProgress& one) { late.push_back(world.clock.now() >= one.batch); };
    CHECK(world.run(builder.plan, note).batches == 2);
    CHECK(late == std::vector<bool>(2, realtime));
  }
}

TEST_CASE("the first batch is the first multiple after the start, batches are counted") {
  Simple run({}, true);
  run.output({.name = "a"});
  run.world.options.available_now = false;
  run.world.options.start_time = BatchTime(-1000);
  run.world.options.batches = 2;
  std::vector<std::int64_t> times;
  const RunReport report =
      run.world.run(run.builder.plan, [&](const BatchProgress& one) { times.push_back(one.batch.value); });
  CHECK(report.batches == 2);
  CHECK(times == std::vector<std::int64_t>{0, 1000});
}

TEST_CASE("batches go on behind the last one of former runs, whatever the clock and the start time say") {
  World world;
  Events published;
  PlanBuilder builder;
  for (const std::optional<std::int64_t> last :
       {std::optional<std::int64_t>(1500), std::optional<std::int64_t>(), {4999}}) {
    const NodeId in =
        builder.source({.ranges = {{{"1"}}}, .last_batch = last ? std::optional(BatchTime(*last)) : std::nullopt});
    builder.plan.phases[0].drivers.push_back(in);
    builder.connect(in, builder.output({.events = &published}));
  }
  const auto first = [&] {
    std::vector<std::int64_t> times;
    CHECK_FALSE(world.run(builder.plan, [&](const BatchProgress& one) { times.push_back(one.batch.value); }).failure);
    return times.at(0);
  };
  CHECK(first() == 5000);
  world.options.start_time = BatchTime(2000);
  CHECK(first() == 5000);
  world.options.start_time = BatchTime(7000);
  CHECK(first() == 8000);
  CHECK(world.warnings.all().empty());
  world.options.start_time.reset();
  world.options.available_now = false;
  CHECK(first() == 5000);
  CHECK(world.warnings.all() ==
        std::vector<std::string>{"the last batch of the run before was ahead of the clock, and batches go on behind "
                                 "it: the first one waits until 1970-01-01T00:00:05Z"});
}

TEST_CASE("a source that has ended hears of the batches of the others") {
  World world;
  Events events;
  Events published;
  PlanBuilder builder;
  const NodeId ended = builder.source({.ranges = {{{"1"}}}, .events = &events});
  const NodeId other = builder.source({.ranges = {{{"1"}}, {{"2"}}}});
  builder.plan.phases[0].drivers = {ended, other};
  for (const NodeId in : {ended, other}) builder.connect(in, builder.output({.events = &published}));
  CHECK(world.run(builder.plan).batches == 2);
  CHECK(events.all() == std::vector<std::string>{"start", "read 0", "committed 1", "committed 1"});
}

TEST_CASE("one output at a time: strictly as written, and sources hear of it behind the last") {
  Simple run({{{"1"}}, {{"2"}}});
  run.output({.name = "a"});
  run.output({.name = "b"});
  CHECK_FALSE(run.world.run(run.builder.plan).failure);
  CHECK(run.events.all() == std::vector<std::string>{"start", "read 0", "a@1000 publish 1 ", "b@1000 publish 1 ",
                                                     "committed 1", "read 1", "a@2000 publish 2 ", "b@2000 publish 2 ",
                                                     "committed 2"});
}

TEST_CASE("three outputs at a time: a slow one holds back only what is after it") {
  Simple run({{{"1"}}, {{"2"}}});
  run.output({.name = "slow", .publishing = [&](BatchTime batch) {
                if (batch.value == 1000) run.events.wait_for("free@2000 publish 2 ");
              }});
  run.output({.name = "free"});
  run.output({.name = "then"});
  run.builder.plan.outputs[2].after = {0};
  run.builder.plan.settings.concurrent_outputs = 3;
  const RunReport report = run.world.run(run.builder.plan);
  CHECK_FALSE(report.failure);
  CHECK(report.batches == 2);
  const std::vector<std::string> events = run.events.all();
  const auto at = [&](const std::string& event) { return std::find(events.begin(), events.end(), event); };
  CHECK(at("free@2000 publish 2 ") < at("slow@1000 publish 1 "));
  CHECK(at("slow@1000 publish 1 ") < at("then@1000 publish 1 "));
  CHECK(at("then@1000 publish 1 ") < at("then@2000 publish 2 "));
  CHECK(at("slow@1000 publish 1 ") < at("slow@2000 publish 2 "));
  CHECK(at("committed 1") < at("committed 2"));
}

TEST_CASE("outputs that share a destination go in the order written, the others do not wait for them") {
  Simple run({{{"1"}}, {{"2"}}});
  run.output({.name = "first", .publishing = [&](BatchTime batch) {
                if (batch.value == 1000) run.events.wait_for("free@2000 publish 2 ");
              }});
  run.output({.name = "second"});
  run.output({.name = "free"});
  for (const std::size_t output : {0U, 1U}) run.builder.plan.outputs[output].bound.shares = "standard output";
  run.builder.plan.settings.concurrent_outputs = 3;
  CHECK_FALSE(run.world.run(run.builder.plan).failure);
  std::vector<std::string> shared = run.events.all();
  std::erase_if(shared,
                [](const std::string& event) { return !event.starts_with("first") && !event.starts_with("second"); });
  CHECK(shared == std::vector<std::string>{"first@1000 publish 1 ", "second@1000 publish 1 ", "first@2000 publish 2 ",
                                           "second@2000 publish 2 "});
}

TEST_CASE("a failing output is tried again, then ends the run") {
  for (const std::uint32_t concurrent : {1U, 3U}) {
    Simple works({{{"1"}}});
    works.output({.name = "a", .publish_failures = 2});
    works.builder.plan.outputs[0].retries = 2;
    works.builder.plan.settings.concurrent_outputs = concurrent;
    CHECK_FALSE(works.world.run(works.builder.plan).failure);
    CHECK(works.world.clock.now() == BatchTime(2000));
    CHECK(works.published() == std::vector<std::string>{"a@1000 publish 1 "});

    Simple fails({{{"1"}}, {{"2"}}});
    fails.output({.name = "a", .publish_failures = 9});
    fails.output({.name = "b"});
    fails.builder.plan.outputs[0].retries = 1;
    fails.builder.plan.outputs[1].after = {0};
    fails.builder.plan.settings.concurrent_outputs = concurrent;
    const RunReport report = fails.world.run(fails.builder.plan);
    REQUIRE(report.failure);
    CHECK(report.failure->message == "output 'a': it broke");
    CHECK(report.batches == 0);
    CHECK(fails.events.count("committed 1") == 0);
    CHECK(fails.events.count("b@1000 publish 1 ") == 0);
    CHECK(fails.events.count("b@1000 discard") == 1);
  }
}

TEST_CASE("a batch that fails takes nothing from those before it") {
  for (const std::uint32_t concurrent : {1U, 3U}) {
    Simple run({{{"1"}}, {{"x"}}});
    run.output({.name = "a"});
    run.builder.plan.settings.concurrent_outputs = concurrent;
    const RunReport report = run.world.run(run.builder.plan);
    REQUIRE(report.failure);
    CHECK(report.failure->message == "in:1: in: 'x' is no number; the record: x");
    CHECK(report.batches == 1);
    CHECK(run.events.count("a@1000 publish 1 ") == 1);
    CHECK(run.events.count("committed 1") == 1);
  }
}

TEST_CASE("told to finish it ends the batch at hand, told to abort it discards it") {
  Simple finish({{{"1"}}, {{"2"}}, {{"3"}}});
  finish.output({.name = "a", .publishing = [&](BatchTime) { finish.world.finish.request_stop(); }});
  const RunReport finished = finish.world.run(finish.builder.plan);
  CHECK_FALSE(finished.failure);
  CHECK(finished.batches == 1);

  for (const std::uint32_t threads : {1U, 4U}) {
    Simple abort({numbers(50, 2)});
    const NodeId step = abort.builder.kernel([&](RecordBatch&& batch, std::size_t, KernelContext&, const Emit& emit) {
      abort.world.abort.request_stop();
      emit(std::move(batch));
    });
    abort.builder.connect(abort.in, step);
    abort.output({.name = "a"});
    abort.builder.plan.settings.parallelism = threads;
    const RunReport aborted = abort.world.run(abort.builder.plan);
    CHECK(aborted.failure);
    CHECK(aborted.batches == 0);
    CHECK(abort.published() == std::vector<std::string>{"a@1000 discard"});
  }
}

TEST_CASE("a batch commits when it has been published, not at the next tick") {
  Simple run({{{"1"}}}, true);
  run.output({.name = "a"});
  run.builder.plan.settings.concurrent_outputs = 2;
  run.world.options.available_now = false;
  // Stands still until the run is woken, which only a publication does.
  class Standing final : public Clock {
   public:
    BatchTime now() const override { return BatchTime(waits_ == 0 ? 0 : 1000); }
    Duration elapsed() const override { return Duration(now().value); }
    bool wait(std::optional<Duration>, std::stop_token stop) override {
      if (waits_++ == 0) return true;
      std::mutex mutex;
      std::condition_variable_any never;
      std::unique_lock lock(mutex);
      never.wait(lock, stop, [] { return false; });
      return false;
    }

   private:
    std::atomic<int> waits_ = 0;
  } clock;
  run.world.environment.clock = &clock;
  const RunReport report =
      run.world.run(run.builder.plan, [&](const BatchProgress&) { run.world.finish.request_stop(); });
  CHECK_FALSE(report.failure);
  CHECK(run.events.all() == std::vector<std::string>{"start", "read 0", "a@1000 publish 1 ", "committed 1"});
}

// There is always more of it. With `--available-now` alone it is no reason for a batch.
class Endless final : public Source {
 public:
  Result<std::string> start(const std::optional<std::string>&) override { return std::string("0"); }
  Result<SourceRange> plan(const std::string& from, const BatchLimits&, BatchTime) override {
    return SourceRange{from, std::to_string(std::stoul(from) + 1), false, false, true};
  }
  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    morsels_ = {{range.from}};
    return std::make_unique<LineReader>(morsels_, std::string());
  }

 private:
  std::vector<Lines> morsels_;
};

// Has its second record once its first has been published.
class Echo final : public Source {
 public:
  explicit Echo(Events& events) : events_(events) {}
  Result<std::string> start(const std::optional<std::string>&) override { return std::string("0"); }
  Result<SourceRange> plan(const std::string& from, const BatchLimits&, BatchTime) override {
    const bool more = from == "0" || (from == "1" && published());
    return SourceRange{from, more ? std::to_string(std::stoul(from) + 1) : from, !more, false};
  }
  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    morsels_ = {{range.from}};
    return std::make_unique<LineReader>(morsels_, std::string());
  }

 private:
  bool published() const { return events_.count("a@1000 publish 0 0 ") != 0; }

  Events& events_;
  std::vector<Lines> morsels_;
};

TEST_CASE("what no batch is made of is not taken") {
  Simple run({});
  const NodeId echo = run.builder.source({});
  run.output({.name = "a", .publishing = [&](BatchTime batch) {
                // While the loop asks whether there is more, nothing has been published.
                if (batch.value == 1000) run.world.warnings.wait_for("asked");
              }});
  run.builder.connect(echo, NodeId(2));
  run.builder.plan.settings.concurrent_outputs = 2;
  run.builder.plan.phases[0].drivers.push_back(echo);
  run.builder.plan.sources[0].bound.open = [&](const Environment&) { return std::make_unique<Endless>(); };
  class Asked final : public Source {
   public:
    Asked(Events& published, Events& asked) : echo_(published), asked_(asked) {}
    Result<std::string> start(const std::optional<std::string>& resume) override { return echo_.start(resume); }
    Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) override {
      auto range = echo_.plan(from, limits, batch);
      if (from == "1") asked_.add("asked");
      return range;
    }
    Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override { return echo_.read(range); }

   private:
    Echo echo_;
    Events& asked_;
  };
  run.builder.plan.sources[1].bound.open = [&](const Environment&) {
    return std::make_unique<Asked>(run.events, run.world.warnings);
  };
  CHECK_FALSE(run.world.run(run.builder.plan).failure);
  CHECK(run.published() == std::vector<std::string>{"a@1000 publish 0 0 ", "a@2000 publish 1 1 "});
}

// The system's clock, which is set while the run waits for the third tick.
class SetClock final : public Clock {
 public:
  explicit SetClock(Duration by) : by_(by) {}
  BatchTime now() const override { return BatchTime(1'000'000'000 + set_.count() + elapsed_.count()); }
  Duration elapsed() const override { return elapsed_; }
  bool wait(std::optional<Duration> span, std::stop_token) override {
    elapsed_ += *span;
    if (++waits_ == 3) set_ = by_;
    return true;
  }

 private:
  const Duration by_;
  Duration set_{0};
  Duration elapsed_{0};
  int waits_ = 0;
};

TEST_CASE("a clock that is set stops nothing, and batch times never go back") {
  using Times = std::vector<std::int64_t>;
  struct Case {
    std::int64_t by;
    Times times;
    Duration took;
    std::string said;
  };
  const Case cases[] = {
      {0, {1, 2, 3, 4, 5}, Duration(5000), ""},
      {-3'600'000,
       {1, 2, 3, 4, 5},
       Duration(5000),
       "the clock was set back by 1h: no batch time comes twice, so they go on from 1970-01-12T13:46:43Z at the same "
       "pace, "
       "ahead of the clock"},
      {5000,
       {1, 2, 3, 4, 5},
       Duration(3000),
       "the clock was set forward by 5s, or the machine slept: the batches from 1970-01-12T13:46:43Z on are late and "
       "run in "
       "order"},
      {86'400'000,
       {1, 2, 3, 86'403, 86'404},
       Duration(4000),
       "the clock was set forward by 24h, or the machine slept: no time has gone by for the 86399 batches from "
       "1970-01-12T13:46:44Z on, which are passed over; it goes on with 1970-01-13T13:46:43Z"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.by);
    Simple run({}, true);
    run.output({.name = "a"});
    run.world.options.available_now = false;
    run.world.options.batches = 5;
    SetClock clock{Duration(one.by)};
    run.world.environment.clock = &clock;
    Times times;
    CHECK_FALSE(run.world
                    .run(run.builder.plan,
                         [&](const BatchProgress& batch) { times.push_back(batch.batch.value / 1000 - 1'000'000); })
                    .failure);
    CHECK(times == one.times);
    CHECK(clock.elapsed() == one.took);
    CHECK(run.world.warnings.all() == (one.said.empty() ? std::vector<std::string>{} : std::vector{one.said}));
  }
}

}  // namespace
}  // namespace streamrun::fakes
