// What a step does to rows. Operators push; nobody pulls. A kernel or breaker is const and shared by all
// threads; what it keeps during a pass is a separate object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runner/base/result.h"
#include "runner/base/strong_id.h"
#include "runner/data/record_batch.h"
#include "runner/expr/expression.h"

namespace streamrun {

// One thread's surroundings while it pushes a morsel.
class KernelContext {
 public:
  virtual ~KernelContext() = default;
  // The evaluation context of this thread; a kernel that finds errors in it hands them to `reject`.
  EvalContext eval;
  // Somebody behind the step at hand may ask where its rows came from; else they need no origin.
  bool origins = true;
  // Rows of `batch` that cannot be computed, in the step at hand. They must not be emitted as well.
  virtual void reject(const RecordBatch& batch, std::vector<RowError> errors) = 0;
  // The pass has failed or is aborted: nobody will see what the step at hand gives, which may stop at any row.
  virtual bool stopping() const { return false; }
};

using Emit = std::function<void(RecordBatch&&)>;

class BreakerRun;
class SpoolPool;
class MemoryAccount;

// What a kernel keeps for one pass, shared by the threads (a join's marks of matched rows).
class KernelState {
 public:
  virtual ~KernelState() = default;
};

// A per-record step: batches in, batches out, in order.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // `sides`: results of the step's side inputs, complete.
  virtual std::unique_ptr<KernelState> start(std::span<BreakerRun* const> sides) const {
    static_cast<void>(sides);
    return nullptr;
  }
  // `input` counts the step's own input, then those of its streams that are pushed too (`union`).
  virtual void apply(RecordBatch&& batch, std::size_t input, KernelState* state, KernelContext& context,
                     const Emit& emit) const = 0;
  // Behind the last batch of the pass: rows that only now are known (right_outer's unmatched ones).
  virtual void finish(KernelState* state, KernelContext& context, const Emit& emit) const {
    static_cast<void>(state), static_cast<void>(context), static_cast<void>(emit);
  }
};

// What one thread has collected; only its thread touches it.
class BreakerLocal {
 public:
  virtual ~BreakerLocal() = default;
};
// What one morsel gave, where order counts.
class BreakerPartial {
 public:
  virtual ~BreakerPartial() = default;
  // Bytes held while it waits for its turn.
  virtual std::size_t bytes() const { return 0; }
};

// A breaker's work in one pass: it sees all of its input before its first row comes out.
class BreakerRun {
 public:
  virtual ~BreakerRun() = default;
  virtual std::unique_ptr<BreakerLocal> local() = 0;
  virtual void add(BreakerLocal& local, RecordBatch&& batch, MorselIndex morsel, KernelContext& context) = 0;
  // At the end of a morsel: what must be merged in order, or null.
  virtual std::unique_ptr<BreakerPartial> end_morsel(BreakerLocal&) { return nullptr; }
  // One at a time, in morsel order.
  virtual Result<> merge(std::unique_ptr<BreakerPartial>) { return {}; }
  // After the last morsel, by one thread. Rows that fail here (an overflowing sum) are rejected by `chunk`.
  virtual Result<> finish(std::vector<std::unique_ptr<BreakerLocal>> locals) = 0;

  // The result, partition after partition. `chunk` may be called by any thread, once for each.
  virtual std::uint32_t partitions() const = 0;
  virtual std::uint32_t chunks() const = 0;
  virtual Result<RecordBatch> chunk(std::uint32_t index, KernelContext& context) = 0;

  // What it holds, spools aside, a part of what the breaker was started with; null: nothing. Any thread.
  virtual const MemoryAccount* memory() const { return nullptr; }
};

// What a step keeps from batch to batch. One thread at a time.
class StepState {
 public:
  virtual ~StepState() = default;
};

struct BreakerResources {
  std::shared_ptr<SpoolPool> spools;      // for what need not stay in memory
  std::shared_ptr<MemoryAccount> memory;  // in which all the rest is counted
  // Says what is doubtful, and yet no fault. Any thread; may be empty.
  std::function<void(const std::string&)> warn = {};
  BatchTime batch = {};
  BatchTime origin = {};       // the pipeline's batches, and every slide's, are multiples of their interval behind it
  StepState* state = nullptr;  // its own
};

class Breaker {
 public:
  virtual ~Breaker() = default;
  // Null: it keeps nothing.
  virtual std::unique_ptr<StepState> make_state() const { return nullptr; }
  virtual std::unique_ptr<BreakerRun> start(const BreakerResources& resources) const = 0;
  // For `explain`: `aggregate by (word) into 8 partitions, exact`.
  virtual std::string describe() const = 0;
};

// A step as it runs, for those of its output's columns that somebody reads: the others are null pointers.
struct MadeStep {
  static MadeStep of(std::unique_ptr<const Kernel> kernel, std::vector<std::vector<bool>> needed) {
    return {std::move(kernel), nullptr, {}, std::move(needed)};
  }
  static MadeStep of(std::unique_ptr<const Breaker> breaker, std::vector<bool> needed) {
    return {nullptr, std::move(breaker), {}, {std::move(needed)}};
  }

  // Exactly one of them consumes the step's own input.
  std::unique_ptr<const Kernel> kernel;
  std::unique_ptr<const Breaker> breaker;
  std::vector<std::unique_ptr<const Breaker>> sides;  // given to Kernel::start
  // The columns that it reads or passes on: of its own input, then of the streams that its options name.
  std::vector<std::vector<bool>> needed;
};

// Makes a step once it is known what is read of it, and says what holds of each that it makes.
struct StepFactory {
  std::function<MadeStep(const std::vector<bool>& output_needed)> make;  // by column of its output; null: there is none
  bool keeps_origins = true;  // its rows are of one record each, and have their origins
  // The streams that the options name are collected first (`join`), and not pushed through it (`union`).
  bool collects = false;
};

}  // namespace streamrun
