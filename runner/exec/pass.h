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
#include "runner/exec/worker_pool.h"
#include "runner/operator/sink.h"
#include "runner/operator/source.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

struct PassInput {
  BatchTime batch;
  BatchTime origin;              // see BreakerResources
  std::vector<Source*> sources;  // null: not read in this batch
  std::vector<SourceRange> ranges;
  std::vector<Sink*> sinks;
  std::vector<std::unique_ptr<Stage>>* stages = nullptr;
  std::function<bool(std::size_t output)> turn;  // its turn to publish has come: it may drain
  std::function<void(const std::string&)> warn;
  const Retry* retry = nullptr;
  std::vector<DecodeScratches>* scratches = nullptr;  // by thread
  WorkerPool* pool = nullptr;
  // What the pass is for: breakers that it is to complete; none: all outputs. What does not lead there is left alone.
  std::vector<NodeId> goals = {};
  // By NodeId: of breakers whose result is there; the others are computed.
  std::vector<BreakerRun*> results = {};
  std::vector<StepState*> states = {};  // by NodeId; null: it keeps nothing
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

  // Of another pass of the same plan.
  void add(const PassCounts& other);
};

class Pass {
 public:
  Pass(const PhysicalPlan& plan, PassInput input);

  // Once. All outputs are staged when it has succeeded.
  Result<PassCounts> run();
  // What it has computed for a breaker; null where it had no part in it.
  std::unique_ptr<BreakerRun> take_run(NodeId breaker) { return std::move(own_runs_[breaker.value]); }

 private:
  Result<> run_phases();
  void find_live();
  bool is_due(Duration slide) const { return streamrun::is_due(slide, input_.batch, input_.origin); }
  void start_breakers();
  Result<> run_phase(const PlanPhase& phase);
  Worker& worker(std::size_t thread);
  void start_kernels();
  void work(std::size_t thread, MorselSource& morsels);
  // Whose work it is, for a message.
  std::string name_at(const PlanNode* node) const;
  void finish_kernels(const PlanPhase& phase, MorselIndex next);
  Result<> complete_breakers(const PlanPhase& phase);
  // In the ordered section.
  bool apply(MorselOutcome&& outcome);
  bool apply_rows(MorselOutcome& outcome);
  bool stop_with(Error error);
  Result<> append(std::size_t output, StagedRows&& rows);
  Result<> append_held();
  Result<> so_far() const;

  const PhysicalPlan& plan_;
  PassInput input_;
  PassState state_;
  ReorderWindow window_;
  PassCounts counts_;
  std::vector<std::unique_ptr<BreakerRun>> own_runs_;
  std::vector<bool> started_;  // kernels, by NodeId
  std::vector<bool> pushes_;   // by NodeId: its rows, or at least its rejects, are wanted by somebody
  std::vector<std::unique_ptr<Worker>> workers_;  // by thread; null: it had no part yet
  MorselIndex next_;
  // Rows of outputs that are reached out of partition order, until the pass has ended.
  std::vector<HeldRows> held_;
  std::set<std::string> kinds_;
  std::optional<Error> failure_;
  // Whose work is under way, if memory ends: in the ordered section, and by the calling thread outside of morsels.
  struct At {
    const PlanNode* step = nullptr;
    const PlanOutput* output = nullptr;
    std::string name() const;
  };
  At applying_;
  At at_;
};

}  // namespace streamrun
