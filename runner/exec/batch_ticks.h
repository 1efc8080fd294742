// When batches are due on the clock, and what becomes of them when the clock is set.
//
// Batch times are multiples of the interval since 1970, each greater than the one before. A batch starts at its tick,
// late ones in order, none skipped: a pipeline that was slow makes up for all of them. Where the clock is set:
//
// - Back: batches come at the same pace as before, by the monotonic clock, and their times go on, ahead of the
//   clock. To wait until the clock has come to the next time would stop everything, to give a time again would
//   replace what was published under it.
// - Forward, or the machine slept: the ticks in between are late, and are made up for in order, if they are few.
//   Of more than kMadeUp the last alone is run. No time has gone by for this process in which they could have been
//   run, its sources' records wait for the next batch whatever its time is, and the 86,400 batches of a day, all
//   empty, are files, transactions and hours of work that nobody asked for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "runner/base/clock.h"

namespace streamrun {

// One thread.
class BatchTicks {
 public:
  static constexpr std::int64_t kMadeUp = 60;

  BatchTicks(RunClock& clock, Duration interval, const std::function<void(const std::string&)>& warn)
      : clock_(clock), interval_(std::max<std::int64_t>(interval.count(), 1)), warn_(warn) {}

  // The first batch is the first multiple of the interval behind `start`, or else now, and behind `last`, the last
  // batch of former runs. `waits`: for the clock.
  void begin(std::optional<BatchTime> start, std::optional<BatchTime> last, bool waits);

  // The time of the next batch.
  BatchTime next() const { return next_; }
  // Its batch has begun.
  void pass();
  // How long to wait before it is worth to ask again; 0 when the next batch is due. Looks at the system's clock.
  Duration left();

 private:
  struct Span {
    BatchTime first;
    BatchTime last;  // which is run
  };

  void set_by(Duration jump);
  void pass_over();

  RunClock& clock_;
  const std::int64_t interval_;
  const std::function<void(const std::string&)>& warn_;
  BatchTime next_;
  std::optional<Span> passed_over_;  // next_ has not come to it
};

}  // namespace streamrun
