#include "runner/base/clock.h"

#include <chrono>

namespace streamrun {

BatchTime SystemClock::now() const {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return BatchTime(std::chrono::duration_cast<Duration>(since).count());
}

Duration SystemClock::elapsed() const {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

bool SystemClock::wait(std::optional<Duration> span, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  const auto never = [] { return false; };
  if (span) {
    woken.wait_for(lock, stop, *span, never);
  } else {
    woken.wait(lock, stop, never);
  }
  return !stop.stop_requested();
}

BatchTime SimulatedClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

bool SimulatedClock::wait(std::optional<Duration> span, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (!span) {
    std::condition_variable_any woken;
    woken.wait(lock, stop, [] { return false; });
  }
  if (stop.stop_requested()) return false;
  now_.value += span->count();
  return true;
}

RunClock::RunClock(Clock& system) : system_(system), offset_(system_offset()) {}

bool RunClock::wait(std::optional<Duration> span, std::stop_token stop) {
  return system_.wait(span, std::move(stop));
}

// Of two readings of the monotonic clock, with the system's between them: where they differ the thread was put aside
// in between, and another try tells more.
std::int64_t RunClock::system_offset() const {
  for (int tries = 0;; ++tries) {
    const Duration before = system_.elapsed();
    const std::int64_t offset = system_.now().value - before.count();
    if (system_.elapsed() - before <= Duration(1) || tries == 10) return offset;
  }
}

Duration RunClock::look() {
  const Duration ahead(system_offset() - offset_.load());
  if (ahead > Duration(0)) {
    offset_ += ahead.count();
    behind_ = Duration(0);
    return ahead >= kNoticed ? ahead : Duration(0);
  }
  const Duration set = ahead + behind_;
  if (set <= -kNoticed) {
    behind_ -= set;
    return set;
  }
  // Set forward again, though not as far: what is set back from there is news.
  if (set >= kNoticed) behind_ -= set;
  return Duration(0);
}

}  // namespace streamrun
