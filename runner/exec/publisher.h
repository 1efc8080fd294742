// Publishes what passes have staged: each output's batches in order, up to `concurrent_outputs` at once.
//
// An output is ready when its earlier batches are published and its `after` of the batch is done; ready ones
// run smallest (batch, written order) first, so with one at a time strictly so. A batch commits when all of
// its outputs are done, in batch order. Once an output has failed for good nothing new starts, what runs
// ends, and what was not published is discarded.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "runner/exec/retry.h"
#include "runner/operator/sink.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

struct StagedBatch {
  BatchTime batch;
  std::vector<std::unique_ptr<Stage>> stages;  // by output
  std::vector<std::uint64_t> rows;             // by output
  std::vector<bool> due;                       // by output: whether it has a batch at this time
};

struct PublishedBatch {
  BatchTime batch;
  std::vector<std::uint64_t> rows;  // by output; 0 where `when` or its slide skipped it
  Duration ended{0};                // the moment of its publication, by the monotonic clock
};

// Called by one thread; `failing` is stopped when an output has failed for good. Publishing itself is done by threads
// of its own if it may overlap, else by the caller.
class Publisher {
 public:
  struct Events {
    std::function<void(const std::string&)> warn;
    // An output has ended, well or not: what settled() and take_published() say may be new. Any thread, under a lock:
    // it must not call back.
    std::function<void()> changed;
    std::function<bool(CrashPoint point, BatchTime batch)> crash;  // of RunOptions; may be null
  };
  Publisher(const PhysicalPlan& plan, Clock& clock, const Retry& retry, Events events, std::stop_token abort,
            std::stop_source failing);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  void submit(StagedBatch batch);
  // At most `batches` are not yet published, or an output has failed and nothing runs any more.
  bool settled(std::size_t batches) const;
  // Where it has no threads of its own: publishes the output that is next. False: there is none.
  bool publish_here();
  // It has threads of its own.
  bool overlaps() const { return !threads_.empty(); }
  // Batches that committed since the last call, in order.
  std::vector<PublishedBatch> take_published();
  std::optional<Error> failed() const;
  // Any thread: whether this output of the batch that is being computed could publish now.
  bool turn(std::size_t output) const;

 private:
  enum class Progress : std::uint8_t { waiting, running, done };
  struct InFlight {
    StagedBatch staged;
    std::vector<Progress> progress;
  };
  struct Job {
    InFlight* batch = nullptr;
    std::size_t output = 0;
  };

  bool publish_one(std::unique_lock<std::mutex>& lock);
  bool ready(std::size_t batch, std::size_t output) const;
  std::optional<Job> next_ready() const;
  void finish(const Job& job, Result<bool> published);
  // True: published; false: skipped by `when`. Without the lock.
  Result<bool> publish(const Job& job);
  Result<bool> publish_stage(const PlanOutput& output, Stage& stage, std::uint64_t rows, BatchTime batch) const;
  Result<bool> wanted(const PlanOutput& output, std::uint64_t rows, BatchTime batch) const;
  void start_threads();
  void work();
  bool stopping() const { return failure_ || abort_.stop_requested(); }

  const PhysicalPlan& plan_;
  // By output: itself and those that it shares its destination with, ascending. They go batch after batch, and
  // within a batch in the order written.
  std::vector<std::vector<std::size_t>> in_line_;
  Clock& clock_;
  const Retry& retry_;
  Events events_;
  std::stop_token abort_;
  std::stop_source failing_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // for its threads
  std::deque<InFlight> in_flight_;
  std::vector<PublishedBatch> published_;
  std::optional<Error> failure_;
  std::size_t running_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace streamrun
