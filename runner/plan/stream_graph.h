// The DStream graph: sources, steps and outputs with a schema on every edge. `resolve` settles every name,
// type and constant; `lower` cuts the graph into phases and cannot fail on user input.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/config/pipeline_spec.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

struct GraphNode {
  enum class Kind : std::uint8_t { source, step, errors, output };

  Kind kind = Kind::step;
  std::string stream;  // whose rejects its own are
  std::string label;   // `filter`, `kafka`, `print`
  Schema schema;
  std::uint32_t partitions = 1;
  Duration slide{0};  // from one batch of its rows to the next; 0: of a table, which has none
  Duration keeps{0};  // what it makes at t hangs on the batches in (t − keeps, t] of its source
  OnError on_error = OnError::fail;
  std::optional<std::size_t> errors;  // with `route`: the errors node of its stream
  // Nodes whose rows it takes: its own input, then those its options name.
  std::vector<std::size_t> inputs;
  std::optional<BoundTransform> step;
  MadeStep made;           // of it, once it is known what is read
  std::size_t source = 0;  // source: index into StreamGraph::sources
  std::size_t output = 0;  // output: index into StreamGraph::outputs
  bool can_fail = false;
  bool goes_on = false;  // with the step before it
  Span place;
};

struct GraphSource {
  PlanSource plan;
  std::optional<BoundFormat> format;  // of records that are bytes
  Schema schema;
};

struct GraphOutput {
  PlanOutput plan;
  std::vector<std::uint32_t> columns;  // what is written, by position in the schema of its input
};

struct StreamGraph {
  RunSettings settings;
  Definitions definitions;
  std::shared_ptr<const SourceText> text;
  std::map<std::string, std::string> params;
  std::vector<GraphSource> sources;
  std::vector<GraphOutput> outputs;
  std::vector<GraphNode>
      nodes;  // inputs before those that read them, an errors node behind the steps that report to it
};

struct ResolveOptions {
  std::map<std::string, std::string, std::less<>> params;  // given outside the file
  bool allow_exec = false;
  std::uint32_t processors = 1;                   // default parallelism
  std::uint64_t memory = std::uint64_t{1} << 30;  // default
};

// Every fault of names and types; the graph is complete only without errors.
StreamGraph resolve(const PipelineSpec& spec, const Catalog& catalog, const ResolveOptions& options,
                    Diagnostics& diagnostics);

PhysicalPlan lower(StreamGraph graph);

}  // namespace streamrun
