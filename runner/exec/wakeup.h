// What the batch loop waits by: a span of time, or something that has happened.
#pragma once

#include <mutex>
#include <optional>
#include <stop_token>

#include "runner/base/clock.h"

namespace streamrun {

class Wakeup {
 public:
  explicit Wakeup(Clock& clock) : clock_(clock) {}

  // Any thread: something has happened. Ends the wait at hand, or else the next one.
  void wake();
  // One thread: until it is woken or `span` of the monotonic clock has gone by; without a span until it is woken.
  void wait(std::optional<Duration> span);

 private:
  Clock& clock_;
  std::mutex mutex_;
  bool woken_ = false;
  std::stop_source waiting_;  // of the wait at hand
};

}  // namespace streamrun
