#include "runner/exec/batch_ticks.h"

#include <fmt/format.h>

namespace streamrun {
namespace {

// So soon the setting of a clock is noticed.
constexpr Duration kLook{1000};

std::int64_t last_multiple(std::int64_t moment, std::int64_t step) {
  const std::int64_t rest = moment % step;
  return moment - (rest < 0 ? rest + step : rest);
}

std::string shown(Duration jump) {
  return format_duration(std::chrono::round<std::chrono::seconds>(jump));
}

}  // namespace

void BatchTicks::begin(std::optional<BatchTime> start, std::optional<BatchTime> last, bool waits) {
  const BatchTime now = clock_.now();
  const auto behind = [&](BatchTime moment) { return BatchTime(last_multiple(moment.value, interval_) + interval_); };
  const BatchTime planned = behind(start.value_or(now));
  next_ = last ? std::max(planned, behind(*last)) : planned;
  if (waits && next_ > planned && next_.value - now.value > interval_) {
    warn_(
        fmt::format("the last batch of the run before was ahead of the clock, and batches go on behind it: the first "
                    "one waits until {}",
                    format_batch_time(next_)));
  }
}

Duration BatchTicks::left() {
  if (const Duration jump = clock_.look(); jump != Duration(0)) set_by(jump);
  return std::clamp(Duration(next_.value - clock_.now().value), Duration(0), kLook);
}

void BatchTicks::set_by(Duration jump) {
  if (jump < Duration(0)) {
    warn_(
        fmt::format("the clock was set back by {}: no batch time comes twice, so they go on from {} at the same pace, "
                    "ahead of the clock",
                    shown(-jump), format_batch_time(next_)));
    return;
  }
  const std::string forward = fmt::format("the clock was set forward by {}, or the machine slept: ", shown(jump));
  const BatchTime now = clock_.now();
  const std::int64_t last = last_multiple(now.value, interval_);
  const std::int64_t first = std::max(next_.value, last_multiple(now.value - jump.count(), interval_) + interval_);
  const std::int64_t late = (last - first) / interval_;
  if (late < 0) return;
  if (late <= kMadeUp) {
    warn_(fmt::format("{}the batches from {} on are late and run in order", forward, format_batch_time(next_)));
    return;
  }
  warn_(fmt::format("{}no time has gone by for the {} batches from {} on, which are passed over; it goes on with {}",
                    forward, late, format_batch_time(BatchTime(first)), format_batch_time(BatchTime(last))));
  passed_over_ = Span{passed_over_ ? passed_over_->first : BatchTime(first), BatchTime(last)};
  pass_over();
}

void BatchTicks::pass() {
  next_.value += interval_;
  pass_over();
}

void BatchTicks::pass_over() {
  if (!passed_over_ || next_ < passed_over_->first) return;
  next_ = std::max(next_, passed_over_->last);
  passed_over_.reset();
}

}  // namespace streamrun
