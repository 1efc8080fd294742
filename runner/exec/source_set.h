// The sources of a run with their places: what each batch takes of them. Tables are not among them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner/exec/logged_reads.h"
#include "runner/exec/rate_controller.h"
#include "runner/operator/environment.h"
#include "runner/operator/source.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

// One thread, but for interrupt(). All is by source; where a table stands there is nothing.
class SourceSet {
 public:
  // Opens them, but starts none. `ended`: called by any thread when a source has come to its end.
  SourceSet(const PhysicalPlan& plan, const Environment& environment, bool available_now, bool counted,
            const std::function<void()>& ended);

  // Up to the first that fails. `resume`: where a source goes on, if it does; empty: none does. `log`: keeps what is
  // received; null: nothing does.
  Result<> start(const std::vector<std::optional<std::string>>& resume, ReadLog* log);
  // Those that have something in these ranges, to read it again and nothing else.
  Result<> start_again(const std::vector<SourceRange>& ranges, ReadLog& log);
  // As before start(), which has failed.
  void reopen();
  Result<> close();
  // Any thread: whoever waits for the outside world gives up.
  void interrupt();

  struct Planned {
    std::vector<SourceRange> ranges;
    bool worth = false;  // there is something to be taken, or there may be more later
  };
  // What the batch may take. No place moves: what is not taken is planned again.
  Result<Planned> plan(BatchTime batch);
  // A batch is made of these ranges: the next one begins behind them, at these places.
  std::vector<std::string> take(const std::vector<SourceRange>& ranges);

  // `batch`, behind which the next one began at `places`, is published.
  void committed(BatchTime batch, const std::vector<std::string>& places);
  // The last batch of former runs, as far as any of them knows.
  std::optional<BatchTime> last_batch() const;
  // By name, of those whose rate is controlled; restore_rates() takes those of a former run.
  std::map<std::string, double> rates() const;
  void restore_rates(const std::map<std::string, double>& rates);
  // What the batch cost, for those whose rate is controlled.
  void update_rate(std::size_t source, const BatchTiming& timing);

  // Nothing will ever come.
  bool exhausted() const;
  // Nothing comes later than now: no tick need be waited for.
  bool ended() const;
  // Null: a table, or one that was not started.
  Source* get(std::size_t source) const { return sources_[source].started ? sources_[source].source.get() : nullptr; }

 private:
  struct Open {
    std::unique_ptr<Source> source;      // null: a table
    ReceivedSource* received = nullptr;  // it, where what it receives is kept
    std::string place;
    bool started = false;
    bool exhausted = false;
    std::optional<RateController> rate;  // none: it is not controlled
  };

  void open(std::size_t source);
  Result<> start_one(std::size_t source, const std::optional<std::string>& resume);
  BatchLimits limits(const PlanSource& plan, const Open& open) const;

  const PhysicalPlan& plan_;
  const Environment& environment_;
  const std::function<void()> ended_;
  const bool available_now_;
  const bool counted_;  // the run is to have so many batches: what is made up counts as something
  std::vector<Open> sources_;
};

}  // namespace streamrun
