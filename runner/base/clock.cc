#include "runner/base/clock.h"

#include <algorithm>
#include <chrono>

namespace streamrun {
namespace {

using Milliseconds = std::chrono::milliseconds;

}  // namespace

BatchTime SystemClock::now() const {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return BatchTime(std::chrono::duration_cast<Milliseconds>(since).count());
}

bool SystemClock::wait_until(BatchTime moment, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const std::int64_t left = moment.value - now().value;
    if (left <= 0) return true;
    // Short waits, so that a clock that was set, either way, is noticed, and no far moment overflows.
    const auto slice = Milliseconds(std::min<std::int64_t>(left, 1000));
    woken.wait_for(lock, stop, slice, [] { return false; });
  }
  return false;
}

BatchTime SimulatedClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

bool SimulatedClock::wait_until(BatchTime moment, std::stop_token stop) {
  if (stop.stop_requested()) return false;
  const std::lock_guard lock(mutex_);
  now_ = std::max(now_, moment);
  return true;
}

}  // namespace streamrun
