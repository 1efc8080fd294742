#include "runner/exec/rate_controller.h"

#include <catch2/catch.hpp>

namespace streamrun {
namespace {

using std::chrono::milliseconds;

BatchTiming timing(std::uint64_t records, int processing, int delay, std::int64_t ended) {
  return {records, milliseconds(processing), milliseconds(delay), ended};
}

TEST_CASE("the first batch is bounded, the second takes what the first could digest") {
  RateController rate(milliseconds(500));
  CHECK(rate.limit() == 5'000);
  rate.update(timing(5'000, 50, 0, 550));
  CHECK(rate.limit() == 50'000);
}

TEST_CASE("a batch without records, or that ended no later, says nothing") {
  RateController rate(milliseconds(1000));
  rate.update(timing(0, 100, 0, 1000));
  CHECK(rate.limit() == 10'000);
  rate.update(timing(1'000, 1000, 0, 2000));
  CHECK(rate.limit() == 1'000);
  rate.update(timing(9'000, 1000, 0, 2000));
  CHECK(rate.limit() == 1'000);
}

TEST_CASE("a batch that took too long lowers the rate, and its delay lowers it more") {
  RateController on_time(milliseconds(1000));
  on_time.update(timing(10'000, 1000, 0, 2000));
  on_time.update(timing(10'000, 2000, 0, 4000));
  CHECK(on_time.limit() == 5'000);
  RateController late(milliseconds(1000));
  late.update(timing(10'000, 1000, 0, 2000));
  late.update(timing(10'000, 2000, 1000, 4000));
  CHECK(late.limit() == 4'000);  // less a fifth of the 5,000 that waited
}

TEST_CASE("a hundred records a second are always taken, and one a batch") {
  RateController rate(milliseconds(1000));
  rate.update(timing(10, 1000, 0, 2000));
  CHECK(rate.limit() == 100);
  rate.update(timing(100, 60'000, 60'000, 62'000));
  CHECK(rate.limit() == 100);
  RateController quick(milliseconds(1));
  quick.update(timing(1, 1000, 0, 1000));
  CHECK(quick.limit() == 1);
}

TEST_CASE("a load below what can be digested is let through") {
  RateController rate(milliseconds(1000));
  for (int batch = 1; batch <= 20; ++batch) {
    rate.update(timing(3'000, 30, 0, batch * 1000));
    CHECK(rate.limit() >= 3'000);
  }
}

TEST_CASE("a rate goes on where a former run had it") {
  RateController controller(milliseconds(1000));
  controller.go_on(2500);
  CHECK(controller.limit() == 2500);
  // A batch that keeps up moves it by its own error, and does not begin anew.
  controller.update(timing(2500, 1000, 0, 1000));
  CHECK(controller.limit() == 2500);
  controller.go_on(1);
  CHECK(controller.limit() == static_cast<std::uint64_t>(RateController::kLeastRate));
}

}  // namespace
}  // namespace streamrun
