// A source with more than an output can take: what the rate control makes of it, on a clock that stands still but for
// what the output takes.
#include <catch2/catch.hpp>

#include "tests/exec/fakes.h"

namespace streamrun::fakes {
namespace {

// Gives as much as it may, of a backlog without end.
class Backlog final : public Source {
 public:
  explicit Backlog(std::vector<std::uint64_t>& sizes) : sizes_(sizes) {}
  Result<std::string> start() override { return std::string("0"); }
  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    REQUIRE(limits.records);
    sizes_.push_back(*limits.records);
    return SourceRange{from, std::to_string(std::stoull(from) + *limits.records), false, false};
  }
  Result<std::unique_ptr<RangeReader>> read(const SourceRange&) override {
    morsels_.assign((sizes_.back() + 999) / 1000, Lines(1000, "1"));
    morsels_.back().resize(sizes_.back() - 1000 * (morsels_.size() - 1));
    return std::make_unique<LineReader>(morsels_, std::string());
  }

 private:
  std::vector<std::uint64_t>& sizes_;
  std::vector<Lines> morsels_;
};

struct Flood {
  std::vector<std::uint64_t> sizes;  // of the batches
  std::vector<BatchProgress> progress;

  // `speed`: records a second that the output takes.
  Flood(std::uint64_t batches, const std::function<std::uint64_t(std::uint64_t batch)>& speed) {
    World world;
    Events events;
    PlanBuilder builder;
    const NodeId in = builder.source({});
    builder.plan.phases[0].drivers = {in};
    builder.plan.sources[0].bound.rate_controlled = true;
    builder.plan.sources[0].bound.open = [this](const Environment&) { return std::make_unique<Backlog>(sizes); };
    const auto take = [&](BatchTime) {
      const auto took = static_cast<std::int64_t>(sizes.back() * 1000 / speed(sizes.size()));
      world.clock.wait_until(BatchTime(world.clock.now().value + took), {});
    };
    builder.connect(in, builder.output({.name = "slow", .events = &events, .publishing = take}));
    world.options.available_now = false;
    world.options.batches = batches;
    const RunReport report = world.run(builder.plan, [this](const BatchProgress& one) { progress.push_back(one); });
    CHECK_FALSE(report.failure);
    REQUIRE(sizes.size() == batches);
    REQUIRE(progress.size() == batches);
  }
};

TEST_CASE("back-pressure: the first batch is bounded, the next ones come down to what a slow output takes") {
  const Flood flood(40, [](std::uint64_t) { return 2000; });
  CHECK(flood.sizes.front() == 10'000);
  CHECK(flood.sizes[1] <= 2000);
  // Then it makes up for the delay of the first batch, and goes at the output's speed.
  CHECK(*std::max_element(flood.sizes.begin() + 1, flood.sizes.end()) <= 2000);
  CHECK(flood.sizes.back() >= 1900);
  CHECK(flood.progress.back().delay <= std::chrono::milliseconds(1000));
}

TEST_CASE("back-pressure: a fast output is given more, and less again once it slows down") {
  const Flood flood(60, [](std::uint64_t batch) { return batch <= 20 ? 30'000 : 3000; });
  CHECK(flood.sizes[0] == 10'000);
  CHECK(flood.sizes[19] >= 29'000);
  CHECK(flood.sizes[19] <= 31'000);
  CHECK(flood.sizes[21] <= 3000);
  CHECK(flood.progress.back().delay <= std::chrono::milliseconds(1000));
}

}  // namespace
}  // namespace streamrun::fakes
