// Runs a physical plan: batches on the clock, a pass each, outputs published in order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/clock.h"
#include "runner/operator/environment.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

class ReadLog;

// A batch of the log that is computed again: its ranges, by source, and what else was read for it.
struct ReplayedBatch {
  BatchTime batch;
  std::vector<SourceRange> ranges;
  std::vector<std::pair<BatchTime, std::vector<SourceRange>>> before;  // batches that what its steps keep is made of
  BatchTime origin;                                                    // see BreakerResources
  ReadLog* reads = nullptr;
};

struct RunOptions {
  bool available_now = false;  // do not wait for the clock; stop when all is taken
  bool realtime = false;       // wait for the clock even where nothing comes later than now
  std::optional<std::uint64_t> batches;
  std::optional<BatchTime> start_time;        // the first batch is the first multiple after it
  std::optional<std::uint64_t> shuffle_seed;  // tests: threads take and finish tasks in a seeded order
  std::vector<std::string> resets;            // sources and outputs that forget their checkpoint, or `all`
  // Tests crash at a point of a batch's way. Called by the thread that is there. True: the run ends there, and nothing
  // is published or committed any more.
  std::function<bool(CrashPoint point, BatchTime batch)> crash;
  std::optional<ReplayedBatch> replay;  // this batch alone; the checkpoint is not opened, and no source hears of it
  std::uint64_t spool_memory = std::uint64_t{64} << 20;
};

struct EndpointCounts {
  std::string name;
  std::uint64_t rows = 0;
};

struct RunReport {
  std::uint64_t batches = 0;
  std::vector<EndpointCounts> sources;  // records in
  std::vector<EndpointCounts> outputs;  // rows out
  std::uint64_t rejected = 0;           // dropped or routed
  std::optional<Error> failure;         // why it stopped, if not in good order
};

// What is going on, for a progress line. Called after every batch, by one thread.
struct BatchProgress {
  BatchTime batch;
  std::uint64_t records_in = 0;
  std::uint64_t rows_out = 0;
  std::chrono::milliseconds processing{0};
  std::chrono::milliseconds delay{0};
};

// `finish`: the batch at hand is finished and committed, then it stops. `abort`: stops at once.
struct StopSignals {
  std::stop_token finish;
  std::stop_token abort;
};

RunReport run_plan(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options,
                   const StopSignals& stop, const std::function<void(const BatchProgress&)>& progress = {});

}  // namespace streamrun
