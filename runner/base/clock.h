// Time is passed in, so that a test can hold it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>

#include "runner/base/strong_id.h"
#include "runner/base/units.h"

namespace streamrun {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970. The system's may be set, either way.
  virtual BatchTime now() const = 0;
  // Of the monotonic clock, since some moment: nobody sets it, and it stands still while the machine sleeps.
  virtual Duration elapsed() const = 0;
  // Returns when `span` has gone by on the monotonic clock (true) or `stop` was asked for (false). Without a span only
  // the stop ends it.
  virtual bool wait(std::optional<Duration> span, std::stop_token stop) = 0;
};

class SystemClock final : public Clock {
 public:
  BatchTime now() const override;
  Duration elapsed() const override;
  bool wait(std::optional<Duration> span, std::stop_token stop) override;
};

// Stands still until somebody waits: then it jumps to the awaited moment.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(BatchTime start) : now_(start) {}
  BatchTime now() const override;
  Duration elapsed() const override { return Duration(now().value); }
  bool wait(std::optional<Duration> span, std::stop_token stop) override;

 private:
  mutable std::mutex mutex_;
  BatchTime now_;
};

// The time of a run: it begins as the system's and goes by the monotonic clock, so that it never stands still or goes
// back. Where the system's clock is ahead, it was set forward or the machine slept, and this one follows; where it is
// behind, it was set back, and this one stays ahead of it.
class RunClock final : public Clock {
 public:
  // Less than this is a clock that is kept right, and nothing to speak of.
  static constexpr Duration kNoticed{1000};

  explicit RunClock(Clock& system);
  BatchTime now() const override { return BatchTime(offset_.load() + system_.elapsed().count()); }
  Duration elapsed() const override { return system_.elapsed(); }
  bool wait(std::optional<Duration> span, std::stop_token stop) override;

  // Compares the two. By how much the system's clock has been set since the last look: 0 where nothing is to be said.
  // One thread.
  Duration look();

 private:
  std::int64_t system_offset() const;

  Clock& system_;
  std::atomic<std::int64_t> offset_;  // of now() to elapsed()
  Duration behind_{0};                // how far the system's clock stood behind when that was last said
};

}  // namespace streamrun
