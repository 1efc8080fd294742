// One batch's pass over its sources: phase by phase, each a push of morsels through the plan by some threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "runner/exec/held_rows.h"
#include "runner/exec/retry.h"
#include "runner/exec/worker.h"
#include "runner/operator/sink.h"
#include "runner/operator/source.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

// What stays between the batches of a run. By NodeId.
struct KeptRuns {
  std::vector<bool> keepable;     // breakers that only tables feed, see find_kept
  std::vector<bool> source_kept;  // tables that feed nothing else, by source
  std::vector<std::unique_ptr<BreakerRun>> runs;
  bool complete = false;  // the runs are there and the tables need not be read
};
// Which breakers can be kept: fed by tables alone, read as a side only, where all that their tables feed is such.
KeptRuns find_kept(const PhysicalPlan& plan);

struct PassInput {
  BatchTime batch;
  std::vector<Source*> sources;  // null: not read in this batch
  std::vector<SourceRange> ranges;
  std::vector<Sink*> sinks;
  std::vector<std::unique_ptr<Stage>>* stages = nullptr;
  std::function<bool(std::size_t output)> turn;  // its turn to publish has come: it may drain
  std::function<void(const std::string&)> warn;
  const Retry* retry = nullptr;
  std::vector<DecodeScratches>* scratches = nullptr;  // by thread
  KeptRuns* kept = nullptr;
  std::shared_ptr<SpoolPool> spools;
  std::shared_ptr<MemoryAccount> memory;  // of breakers and spools
  std::optional<std::uint64_t> shuffle_seed;
  std::stop_token abort;
};

struct PassCounts {
  std::vector<std::uint64_t> records;  // by source
  std::vector<std::uint64_t> rows;     // by output
  std::uint64_t rejected = 0;
  std::map<NodeId, std::uint64_t> dropped;
};

class Pass {
 public:
  Pass(const PhysicalPlan& plan, PassInput input);

  // Once. All outputs are staged when it has succeeded.
  Result<PassCounts> run();

 private:
  Result<> run_phase(const PlanPhase& phase);
  void start_kernels();
  void work(std::size_t thread, MorselSource& morsels);
  void finish_kernels(const PlanPhase& phase, MorselIndex next);
  Result<> complete_breakers(const PlanPhase& phase);
  // In the ordered section.
  bool apply(MorselOutcome&& outcome);
  bool stop_with(std::string message);
  Result<> append(std::size_t output, StagedRows&& rows);
  Result<> append_held();
  Result<> state_of_affairs();

  const PhysicalPlan& plan_;
  PassInput input_;
  PassState state_;
  ReorderWindow window_;
  PassCounts counts_;
  std::vector<std::unique_ptr<BreakerRun>> own_runs_;
  std::vector<bool> complete_;  // breakers, by NodeId
  std::vector<bool> started_;   // kernels, by NodeId
  std::vector<std::unique_ptr<Worker>> workers_;
  MorselIndex next_;
  // Rows of outputs that are reached out of partition order, until the pass has ended.
  std::vector<HeldRows> held_;
  std::set<std::string> kinds_;
  std::optional<std::string> failure_;
};

}  // namespace streamrun
