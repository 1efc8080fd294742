// One thread of a pass: pushes a morsel through the plan and gathers what it gave.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runner/exec/morsel_source.h"
#include "runner/exec/outcome.h"
#include "runner/exec/rejects.h"
#include "runner/operator/kernel.h"
#include "runner/operator/memory_account.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

// What the threads of a pass share. Vectors are by NodeId.
struct PassState {
  const PhysicalPlan& plan;
  BatchTime batch;
  std::vector<Sink*> sinks;
  std::vector<std::unique_ptr<KernelState>> states;
  std::vector<BreakerRun*> runs;
  std::vector<bool> live;              // what has a part in this pass
  std::vector<bool> complete;          // breakers that take in no more
  std::mutex make_local;               // breakers make one thread's part at a time
  std::atomic<bool> stopping = false;  // somebody failed or aborted: slices that are left need not be computed
  std::shared_ptr<MemoryAccount> memory;
  // Takes a part of what a morsel gives ahead of the rest, in order; waits for its turn.
  std::function<void(MorselIndex, MorselOutcome&&)> hand_over;

  // The breaker that holds the most, if all together hold too much, and what to do.
  std::optional<std::string> over_memory() const;
  // Memory has ended in the work of `whose`.
  Error out_of_memory(std::string_view whose) const;

 private:
  // Null: none holds anything.
  const PlanNode* largest_holder() const;
};

// Of one thread, kept from batch to batch; by source.
using DecodeScratches = std::vector<std::unique_ptr<DecodeScratch>>;

class Worker final : public KernelContext {
 public:
  Worker(PassState& pass, DecodeScratches& scratches);

  MorselOutcome run(MorselTask& task);
  // A kernel's rows behind the last batch, as a morsel of its own.
  MorselOutcome finish(const PlanNode& node, MorselIndex index);
  // What this thread has collected for a breaker; null where it saw none of its rows.
  std::unique_ptr<BreakerLocal> take_local(NodeId breaker) { return std::move(locals_[breaker.value]); }

  // The node whose work is under way, or was when it threw.
  const PlanNode* at() const { return current_; }

  void reject(const RecordBatch& batch, std::vector<RowError> errors) override;
  bool stopping() const override { return pass_.stopping.load(std::memory_order_relaxed); }

 private:
  void begin(MorselIndex index, PartitionIndex partition, std::uint64_t first_row);
  void end();
  void read_records(const PlanNode& node, const PlanSource& source, const Morsel& morsel, std::uint64_t first_row);
  void read_rows(const PlanNode& node, const PlanSource& source, Morsel& morsel);
  void read_chunk(const PlanNode& node, BreakerRun& run, std::uint32_t chunk);
  void add_hidden(const PlanNode& node, const PlanSource& source, const RawRecords* raw, RecordBatch& batch) const;
  void push(const PlanNode& from, RecordBatch&& batch);
  void deliver(const PlanNode& from, const PlanEdge& edge, RecordBatch&& batch);
  void stage(const PlanNode& node, RecordBatch&& batch);
  void stage_rows(const PlanNode& node, const RecordBatch& batch);

  PassState& pass_;
  DecodeScratches& scratches_;
  std::vector<std::unique_ptr<BreakerLocal>> locals_;  // by NodeId
  std::vector<NodeId> touched_;                        // breakers that saw rows of this morsel
  Rejects rejects_;
  MorselOutcome outcome_;
  MorselIndex morsel_;
  PartitionIndex partition_;
  std::uint32_t slice_ = 0;
  // Whose rejects those of `reject` are, and what the columns of its batch are.
  const PlanNode* current_ = nullptr;
  const Schema* schema_ = nullptr;
  std::vector<StagedRows> staged_;
  std::size_t staged_bytes_ = 0;  // of this morsel, not handed over
};

}  // namespace streamrun
