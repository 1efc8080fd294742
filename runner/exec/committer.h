// What follows when a batch has been published: its sources hear of it, the rates learn what it cost, it is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "runner/exec/publisher.h"
#include "runner/exec/run.h"
#include "runner/exec/source_set.h"

namespace streamrun {

// A batch whose pass has ended.
struct ComputedBatch {
  BatchTime batch;
  BatchTime started;  // by the time of the run
  Duration begun;     // by the monotonic clock, as all that follows
  Duration computed;
  std::vector<std::string> places;     // of the sources, behind it
  std::vector<std::uint64_t> records;  // by source
};

// One thread: the one that plans and reads.
class Committer {
 public:
  Committer(const PhysicalPlan& plan, SourceSet& sources, RunReport& report,
            const std::function<void(const BatchProgress&)>& progress)
      : plan_(plan), sources_(sources), report_(report), progress_(progress) {}

  void expect(ComputedBatch batch) { computed_.push_back(std::move(batch)); }
  // Batches that are computed and not published.
  std::size_t pending() const { return computed_.size(); }
  // The next of them, in order.
  void commit(const PublishedBatch& published);

 private:
  void update_rates(const ComputedBatch& batch, Duration ended);

  const PhysicalPlan& plan_;
  SourceSet& sources_;
  RunReport& report_;
  const std::function<void(const BatchProgress&)>& progress_;
  std::deque<ComputedBatch> computed_;
  Duration last_ended_{0};
};

}  // namespace streamrun
