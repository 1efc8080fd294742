#include "runner/cli/lag.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "runner/base/thread.h"
#include "runner/operator/environment.h"

namespace streamrun {
namespace {

constexpr std::chrono::seconds kPatience{5};

// Asks for a stop when its time has come, unless it has gone before.
class Deadline {
 public:
  explicit Deadline(std::chrono::seconds left) {
    auto thread = start_thread("a deadline", [this, left] {
      std::unique_lock lock(mutex_);
      if (!gone_.wait_for(lock, left, [this] { return done_; })) over_.request_stop();
    });
    if (thread) thread_ = std::move(*thread);
  }
  ~Deadline() {
    {
      const std::scoped_lock lock(mutex_);
      done_ = true;
      gone_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  std::stop_token over() const { return over_.get_token(); }

 private:
  std::stop_source over_;
  std::mutex mutex_;
  std::condition_variable gone_;
  bool done_ = false;
  std::thread thread_;
};

Lag lag_of(const PlanSource& plan, const std::string& place, const Environment& environment) {
  const std::unique_ptr<Source> source = plan.bound.open(environment);
  const std::stop_callback over(environment.stop, [&] { source->interrupt(); });
  const auto found = [&]() -> Result<std::optional<RangeSize>> {
    const auto from = source->start(place);
    if (!from) return pass_on(from);
    BatchLimits all;
    all.available_now = true;
    const auto range = source->plan(*from, all, BatchTime(environment.clock->now()));
    if (!range) return pass_on(range);
    if (range->empty) return source->size_of({place, place});
    return source->size_of(*range);
  }();
  static_cast<void>(source->close());
  if (found) return {*found, {}};
  return {std::nullopt, environment.stop.stop_requested() ? "it does not answer" : found.error().message};
}

}  // namespace

std::map<std::string, Lag> find_lags(const PhysicalPlan& plan, const std::map<std::string, std::string>& places) {
  const Deadline deadline(kPatience);
  SystemClock clock;
  Environment environment;
  environment.clock = &clock;
  environment.stop = deadline.over();
  environment.log = [](LogLevel, const std::string&) {};
  std::map<std::string, Lag> lags;
  for (const PlanSource& source : plan.sources) {
    const auto place = places.find(source.name);
    if (source.table || !source.bound.can_read_again || place == places.end()) continue;
    lags[source.name] = lag_of(source, place->second, environment);
  }
  return lags;
}

}  // namespace streamrun
