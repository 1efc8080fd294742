// How many records a second a source may bring, so that batches end within their interval.
//
// A PID controller with the terms and defaults of Spark Streaming's rate estimator (P 1, I 0.2, D 0, at least 100 a
// second): error = rate − processed a second; history = what waits by the delay of the batch; new rate = rate − P·error
// − I·history − D·change of the error. Where Spark takes all there is until a first batch is done, this starts low.
#pragma once

#include <chrono>
#include <cstdint>

namespace streamrun {

struct BatchTiming {
  std::uint64_t records = 0;
  std::chrono::milliseconds processing{0};
  std::chrono::milliseconds delay{0};  // what it waited beyond its time
  std::int64_t ended = 0;              // ms since some moment
};

// One thread.
class RateController {
 public:
  static constexpr double kInitialRate = 10'000;
  static constexpr double kLeastRate = 100;

  explicit RateController(std::chrono::milliseconds interval) : interval_(interval) {}

  // Records that the next batch may take.
  std::uint64_t limit() const;
  // Records a second; go_on() goes on at that of a former run.
  double rate() const { return rate_; }
  void go_on(double rate);
  // A batch is done. One without records says nothing.
  void update(const BatchTiming& batch);

 private:
  std::chrono::milliseconds interval_;
  double rate_ = kInitialRate;
  double last_error_ = 0;
  std::int64_t last_end_ = 0;
  bool first_ = true;
};

}  // namespace streamrun
