// What runs: a graph of nodes cut into phases. Immutable; one pass over it a batch.
//
// A batch is pushed, morsel by morsel, from the drivers of phase 0 through fused chains of kernels into
// outputs and breakers; when all of a phase's morsels are through, its breakers are complete and drive the
// next phase. What several consumers read is pushed to each of them, computed once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/base/strong_id.h"
#include "runner/base/units.h"
#include "runner/config/pipeline_spec.h"
#include "runner/operator/catalog.h"

namespace streamrun {

// Rows go to input `port` of node `to`.
struct PlanEdge {
  NodeId to;
  std::size_t port = 0;
  std::uint32_t partition_base = 0;  // added to a batch's partition: a union's inputs follow each other
};

// A source's share of the plan.
struct PlanSource {
  std::string name;
  std::string format;  // empty: typed rows
  BoundSource bound;
  std::unique_ptr<Decoder> decoder;  // null for typed rows
  BatchLimits caps;                  // max_batch_records, max_batch_bytes
  std::optional<double> max_rate;    // records a second and partition
  // Positions of `_raw`, `_batch` and the source's hidden columns in the schema that somebody reads.
  std::vector<bool> wanted;                // over schema columns, then hidden
  std::vector<std::string> wanted_hidden;  // hidden columns that somebody reads, of its rows or of rejects
  bool table = false;                      // a side input: read again after `refresh`, else kept
  bool header = false;                     // its records stand behind one, by which they are read
  std::optional<Duration> refresh;
  bool receiver_log = false;  // what it received is kept in the checkpoint, and read again from there

  // A batch that comes again has the same records of it.
  bool can_read_again() const { return bound.can_read_again || receiver_log; }
  // A table whose rows may be others the next time.
  bool varies() const { return table && (!bound.reads.empty() || !bound.can_read_again); }
};

struct PlanOutput {
  std::string name;
  BoundSink bound;
  std::vector<std::uint32_t> after;  // indices of outputs
  std::optional<Expression> when;    // over columns rows bigint, batch timestamp
  std::uint32_t retries = 0;
  Duration backoff{1000};
  Duration slide{0};  // it runs at its multiples; 0: in every batch
  // Rows reach it out of partition order (a union of one source's branches): stage by partition.
  bool interleaved = false;
};

struct PlanNode {
  enum class Kind : std::uint8_t { source, kernel, breaker, output, errors };

  NodeId id;
  Kind kind = Kind::kernel;
  std::string stream;  // whose rejects its own are: `NAME.errors`
  std::string stage;   // for messages: `tx`, `per_account step 2 (filter)`
  std::string label;   // the operator: `filter`, `file`; empty: a build side, a spool
  std::string detail;  // what it does, as `explain` shows it
  std::uint32_t partitions = 1;
  Duration slide{0};  // it has rows to push at its multiples; 0: in every batch
  Duration takes{0};  // likewise of what is pushed to it
  Schema schema;      // of the rows it pushes
  OnError on_error = OnError::fail;
  std::optional<NodeId> errors;  // with `route`: the errors node that takes its rejects
  std::vector<PlanEdge> consumers;

  std::size_t source = 0;                  // source: index into sources
  std::unique_ptr<const Kernel> kernel;    // kernel
  std::vector<NodeId> sides;               // kernel: breakers whose results it needs, complete before its phase
  std::unique_ptr<const Breaker> breaker;  // breaker; also spools and build sides
  bool side = false;                       // breaker: a build side
  std::size_t output = 0;                  // output: index into outputs
  bool origins = true;                     // somebody behind it may ask where a row came from
  std::uint32_t phase = 0;                 // in which a driver (source, breaker result) is pushed
};

// Drivers in source order: sources and breakers that are pushed in this phase.
struct PlanPhase {
  std::vector<NodeId> drivers;
  // Kernels with a tail (Kernel::finish), in topological order, called when all drivers are through.
  std::vector<NodeId> finishing;
  // Breakers complete at the end of this phase.
  std::vector<NodeId> completing;
};

// What rows are made by, by the name of each part, so that a change can be named: sources with their columns, steps,
// outputs.
using Definitions = std::map<std::string, std::string>;

// Whether a slide has a batch at this time.
inline bool is_due(Duration slide, BatchTime batch, BatchTime origin) {
  return slide.count() == 0 || (batch.value - origin.value) % slide.count() == 0;
}

struct PhysicalPlan {
  RunSettings settings;
  Duration keeps{0};  // what its steps keep at t is made of the batches in (t − keeps, t]
  Definitions definitions;
  std::shared_ptr<const SourceText> text;     // of the pipeline's file, for the places of expressions; may be null
  std::map<std::string, std::string> params;  // texts of their values, by name; they may be secret
  std::vector<PlanSource> sources;
  std::vector<PlanOutput> outputs;
  std::vector<PlanNode> nodes;  // by NodeId, in topological order
  std::vector<PlanPhase> phases;
};

// The schema of `NAME.errors`: raw, error, stage, place string, batch timestamp, then the hidden columns that
// every source has, and these.
Schema errors_schema(const std::vector<Field>& hidden);

}  // namespace streamrun
