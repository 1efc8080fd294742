// The running of one batch: its tables, its pass, its stages.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "runner/exec/checkpoint.h"
#include "runner/exec/committer.h"
#include "runner/exec/pass.h"
#include "runner/exec/publisher.h"
#include "runner/exec/run.h"
#include "runner/exec/tables.h"
#include "runner/exec/worker_pool.h"

namespace streamrun {

// One thread, but for interrupt().
class BatchRunner {
 public:
  // `abort` ends the pass that is under way. `environment` is as it is given to sources and sinks.
  BatchRunner(const PhysicalPlan& plan, const Environment& environment, const RunOptions& options, RunReport& report,
              const std::function<void(const std::string&)>& warn, const Retry& retry,
              std::shared_ptr<MemoryAccount> memory, std::stop_token abort);

  // Opens what the outputs write to. `checkpoint`: may be null.
  Result<> start(Checkpoint* checkpoint);
  // Of tables: see Tables.
  void keep_reads(ReadLog& log, std::optional<BatchTime> again_until, bool only) {
    tables_.keep_reads(log, again_until, only);
  }
  Result<> close();
  // Any thread: a publish that waits for the outside world gives up.
  void interrupt();

  struct Ran {
    ComputedBatch computed;
    StagedBatch staged;
    bool changes = false;  // outputs have something to do, or steps have kept something
  };
  // All outputs of the batch are staged, or nothing is left of it. `early`: where an output's turn has come,
  // `publisher` permitting, it may begin to publish meanwhile.
  Result<Ran> run(BatchTime batch, const std::vector<SourceRange>& ranges, const SourceSet& sources,
                  const Publisher& publisher, bool early);

  // A batch of a former run, for what its steps keep alone: no output hears of it.
  Result<> run_for_state(BatchTime batch, const std::vector<SourceRange>& ranges, const SourceSet& sources);
  // Before the first batch: see BreakerResources.
  void begin_at(BatchTime origin) { origin_ = origin; }

  // How many records were dropped, by step.
  void report_drops() const;

 private:
  // Whether the batches that come again may, now that the outputs have said what stands.
  Result<> may_finish(Checkpoint& checkpoint) const;
  Result<std::vector<std::unique_ptr<Stage>>> open_stages(BatchTime batch);
  PassInput input(BatchTime batch);
  Result<PassCounts> run_pass(PassInput input, const std::vector<SourceRange>& ranges, const SourceSet& sources);
  void count(const PassCounts& counts);

  const PhysicalPlan& plan_;
  const Environment& environment_;
  const RunOptions& options_;
  RunReport& report_;
  const std::function<void(const std::string&)>& warn_;
  const Retry& retry_;
  const std::shared_ptr<MemoryAccount> memory_;  // of breakers and spools
  const std::stop_token abort_;
  WorkerPool pool_;
  Tables tables_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::size_t started_sinks_ = 0;
  std::vector<std::unique_ptr<StepState>> states_;  // by NodeId; null: it keeps nothing
  BatchTime origin_;
  std::vector<DecodeScratches> scratches_;
  std::map<NodeId, std::uint64_t> dropped_;
};

}  // namespace streamrun
