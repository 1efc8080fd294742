// Time is passed in, so that a test can hold it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "runner/base/strong_id.h"
#include "runner/base/units.h"

namespace streamrun {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual BatchTime now() const = 0;  // milliseconds since 1970
  // Returns when `moment` has come (true) or `stop` was asked for (false).
  virtual bool wait_until(BatchTime moment, std::stop_token stop) = 0;
};

class SystemClock final : public Clock {
 public:
  BatchTime now() const override;
  bool wait_until(BatchTime moment, std::stop_token stop) override;
};

// Stands still until somebody waits: then it jumps to the awaited moment.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(BatchTime start) : now_(start) {}
  BatchTime now() const override;
  bool wait_until(BatchTime moment, std::stop_token stop) override;

 private:
  mutable std::mutex mutex_;
  BatchTime now_;
};

}  // namespace streamrun
