// What follows when a batch has been published: it is committed, its sources hear of it, the rates learn what it cost,
// it is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "runner/exec/checkpoint.h"
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
  bool logged = false;                 // it has an intent
};

// One thread: the one that plans and reads.
class Committer {
 public:
  // `checkpoint`: may be null.
  Committer(const PhysicalPlan& plan, SourceSet& sources, const std::unique_ptr<Checkpoint>& checkpoint,
            RunReport& report, const std::function<void(const BatchProgress&)>& progress)
      : plan_(plan), sources_(sources), checkpoint_(checkpoint), report_(report), progress_(progress) {}

  void expect(ComputedBatch batch) { computed_.push_back(std::move(batch)); }
  // Batches that are computed and not published.
  std::size_t pending() const { return computed_.size(); }
  // The next of them, in order.
  void published(PublishedBatch batch);
  // Those that are not committed.
  std::vector<BatchTime> published() const;
  // All that are published. With a checkpoint it is durable when it returns, and so is the intent of the next batch, if
  // there is one: both cost one sync.
  Result<> commit(const BatchIntent* next = nullptr);

 private:
  struct Published {
    ComputedBatch computed;
    PublishedBatch published;
  };

  void conclude(const Published& one);
  void update_rates(const ComputedBatch& batch, Duration ended);

  const PhysicalPlan& plan_;
  SourceSet& sources_;
  const std::unique_ptr<Checkpoint>& checkpoint_;
  RunReport& report_;
  const std::function<void(const BatchProgress&)>& progress_;
  std::deque<ComputedBatch> computed_;
  std::vector<Published> published_;
  Duration last_ended_{0};
};

}  // namespace streamrun
