// A source with more than an output can take: what the rate control makes of it, on a clock that stands still but for
// what the output takes.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/exec/fakes.h"

namespace streamrun::fakes {
namespace {

// A clock of several threads: the run's own, which waits for a tick or to be woken, and those of outputs at work. It
// moves on to the earliest moment that somebody waits for, once nobody has anything to do before that.
class WorkingClock final : public Clock {
 public:
  BatchTime now() const override {
    const std::scoped_lock lock(mutex_);
    return BatchTime(now_);
  }
  Duration elapsed() const override { return Duration(now().value); }

  // The run's thread.
  bool wait(std::optional<Duration> span, std::stop_token stop) override {
    const std::stop_callback on_stop(stop, [this] {
      const std::scoped_lock lock(mutex_);
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    tick_ = span ? now_ + span->count() : kNever;
    waits_ = stop;
    changed_.notify_all();
    changed_.wait(lock, [&] {
      // What is submitted must be at work, or nobody knows how long it takes; what was at work has a moment to be
      // published in, which the run is woken for.
      const bool known = (submitted_ == 0 || at_work_ != 0) && publishing_ == 0;
      if (!stop.stop_requested() && known && tick_ < end_of_work()) now_ = tick_;
      return stop.stop_requested() || now_ >= tick_;
    });
    waits_.reset();
    if (stop.stop_requested()) publishing_ = 0;
    changed_.notify_all();
    return !stop.stop_requested();
  }

  // An output's thread: takes so long.
  void work(Duration span) {
    std::unique_lock lock(mutex_);
    ++at_work_;
    const std::int64_t end = now_ + span.count();
    ends_.push_back(end);
    changed_.notify_all();
    changed_.wait(lock, [&] {
      const bool run_waits = waits_ && !waits_->stop_requested() && end <= tick_;
      if ((run_waits || !threads_) && end == end_of_work()) now_ = std::max(now_, end);
      return now_ >= end;
    });
    ends_.erase(std::find(ends_.begin(), ends_.end(), end));
    --at_work_;
    --submitted_;
    if (threads_) ++publishing_;
  }
  // Of the run's thread: something will be at work.
  void submit() {
    const std::scoped_lock lock(mutex_);
    ++submitted_;
  }
  // Outputs have threads of their own.
  void with_threads() { threads_ = true; }

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  std::int64_t end_of_work() const { return ends_.empty() ? kNever : *std::min_element(ends_.begin(), ends_.end()); }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t now_ = 0;
  std::int64_t tick_ = kNever;
  std::optional<std::stop_token> waits_;  // the run's thread does
  std::vector<std::int64_t> ends_;
  std::size_t at_work_ = 0;
  std::size_t submitted_ = 0;
  std::size_t publishing_ = 0;
  bool threads_ = false;
};

// Gives as much as it may, of a backlog without end.
class Backlog final : public Source {
 public:
  Backlog(std::vector<std::uint64_t>& sizes, WorkingClock& clock) : sizes_(sizes), clock_(clock) {}
  Result<std::string> start(const std::optional<std::string>&) override { return std::string("0"); }
  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    REQUIRE(limits.records);
    sizes_.push_back(*limits.records);
    clock_.submit();
    return SourceRange{from, std::to_string(std::stoull(from) + *limits.records), false, false};
  }
  Result<std::unique_ptr<RangeReader>> read(const SourceRange&) override {
    morsels_.assign((sizes_.back() + 999) / 1000, Lines(1000, "1"));
    morsels_.back().resize(sizes_.back() - 1000 * (morsels_.size() - 1));
    return std::make_unique<LineReader>(morsels_, std::string());
  }

 private:
  std::vector<std::uint64_t>& sizes_;
  WorkingClock& clock_;
  std::vector<Lines> morsels_;
};

struct Flood {
  std::vector<std::uint64_t> sizes;  // of the batches
  std::vector<BatchProgress> progress;

  // `speed`: records a second that the output takes.
  Flood(std::uint64_t batches, std::uint32_t concurrent,
        const std::function<std::uint64_t(std::uint64_t batch)>& speed) {
    World world;
    WorkingClock clock;
    sizes.reserve(batches);
    world.environment.clock = &clock;
    if (concurrent > 1) clock.with_threads();
    Events events;
    PlanBuilder builder;
    const NodeId in = builder.source({});
    builder.plan.phases[0].drivers = {in};
    builder.plan.settings.concurrent_outputs = concurrent;
    builder.plan.sources[0].bound.rate_controlled = true;
    builder.plan.sources[0].bound.open = [&](const Environment&) { return std::make_unique<Backlog>(sizes, clock); };
    const auto take = [&](BatchTime batch) {
      const std::uint64_t number = static_cast<std::uint64_t>(batch.value) / 1000;
      clock.work(Duration(static_cast<std::int64_t>(size_of(number) * 1000 / speed(number))));
    };
    builder.connect(in, builder.output({.name = "slow", .events = &events, .publishing = take}));
    world.options.available_now = false;
    world.options.batches = batches;
    const RunReport report = world.run(builder.plan, [this](const BatchProgress& one) { progress.push_back(one); });
    CHECK_FALSE(report.failure);
    REQUIRE(sizes.size() == batches);
    REQUIRE(progress.size() == batches);
  }
  std::uint64_t size_of(std::uint64_t number) const { return sizes[number - 1]; }
};

const std::uint32_t kConcurrent[] = {1, 2};

TEST_CASE("back-pressure: the first batch is bounded, the next ones come down to what a slow output takes") {
  for (const std::uint32_t concurrent : kConcurrent) {
    CAPTURE(concurrent);
    const Flood flood(40, concurrent, [](std::uint64_t) { return 2000; });
    CHECK(flood.sizes.front() == 10'000);
    // Then it makes up for the delay of the first batches, and goes at the output's speed.
    const auto known = flood.sizes.begin() + concurrent;
    CHECK(*std::max_element(known, flood.sizes.end()) <= 2000);
    CHECK(flood.sizes.back() >= 1900);
    CHECK(flood.progress.back().delay <= std::chrono::milliseconds(1000));
  }
}

TEST_CASE("back-pressure: a fast output is given more, and less again once it slows down") {
  for (const std::uint32_t concurrent : kConcurrent) {
    CAPTURE(concurrent);
    const Flood flood(60, concurrent, [](std::uint64_t batch) { return batch <= 20 ? 30'000 : 3000; });
    CHECK(flood.sizes[0] == 10'000);
    CHECK(flood.sizes[19] >= 29'000);
    CHECK(flood.sizes[19] <= 31'000);
    CHECK(flood.sizes[21 + concurrent - 1] <= 3000);
    CHECK(flood.progress.back().delay <= std::chrono::milliseconds(1000));
  }
}

TEST_CASE("back-pressure: outputs that may overlap are given as much as those that may not, where none is late") {
  for (const std::uint32_t concurrent : kConcurrent) {
    CAPTURE(concurrent);
    const Flood flood(40, concurrent, [](std::uint64_t batch) { return 11'000 + 1000 * batch; });
    for (std::size_t i = 2; i < flood.sizes.size(); ++i) {
      // As fast as the batch before the last one, at the least.
      CHECK(flood.sizes[i] >= 10'000 + 1000 * (i - 1));
      CHECK(flood.progress[i].delay <= std::chrono::milliseconds(1100));
    }
  }
}

}  // namespace
}  // namespace streamrun::fakes
