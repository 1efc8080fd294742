// What an output could not do is tried again, as its `retry` says, where that may help: see ErrorKind.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "runner/base/clock.h"
#include "runner/base/result.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

// Const; any thread.
class Retry {
 public:
  Retry(Clock& clock, std::function<void(const std::string&)> warn, std::stop_token abort)
      : clock_(clock), warn_(std::move(warn)), abort_(std::move(abort)) {}

  // Calls `attempt` until it succeeds, it has failed for good or it may not be tried again: the last error, which names
  // the output.
  template <class Attempt>
  Result<> operator()(const PlanOutput& output, Attempt&& attempt) const {
    for (std::uint32_t failures = 0;; ++failures) {
      Result<> done = attempt();
      if (done) return done;
      done = failure_of("output '" + output.name + "'", done.error());
      if (failures == output.retries || !wait(output, done.error())) return done;
    }
  }

 private:
  // False: there is no sense in another attempt.
  bool wait(const PlanOutput& output, const Error& failed) const;

  Clock& clock_;
  std::function<void(const std::string&)> warn_;
  std::stop_token abort_;
};

}  // namespace streamrun
