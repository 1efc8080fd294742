#include "runner/exec/rate_controller.h"

#include <algorithm>

namespace streamrun {
namespace {

constexpr double kProportional = 1.0;
constexpr double kIntegral = 0.2;
constexpr double kDerivative = 0.0;
constexpr double kMostRecords = 9e18;

}  // namespace

std::uint64_t RateController::limit() const {
  const double share = rate_ * static_cast<double>(interval_.count()) / 1000;
  return static_cast<std::uint64_t>(std::clamp(share, 1.0, kMostRecords));
}

void RateController::go_on(double rate) {
  rate_ = std::max(rate, kLeastRate);
  first_ = false;
}

void RateController::update(const BatchTiming& batch) {
  if (batch.records == 0 || (!first_ && batch.ended <= last_end_)) return;
  // The clock counts milliseconds: what took none took less than one.
  const double seconds = static_cast<double>(std::max<std::int64_t>(batch.processing.count(), 1)) / 1000;
  const double processed = static_cast<double>(batch.records) / seconds;
  if (first_) {
    rate_ = std::max(processed, kLeastRate);
  } else {
    const double error = rate_ - processed;
    const double waiting = static_cast<double>(std::max<std::int64_t>(batch.delay.count(), 0)) * processed /
                           static_cast<double>(std::max<std::int64_t>(interval_.count(), 1));
    const double change = (error - last_error_) / (static_cast<double>(batch.ended - last_end_) / 1000);
    rate_ = std::max(rate_ - kProportional * error - kIntegral * waiting - kDerivative * change, kLeastRate);
    last_error_ = error;
  }
  first_ = false;
  last_end_ = batch.ended;
}

}  // namespace streamrun
