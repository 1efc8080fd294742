#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runner/plan/resolution.h"

namespace streamrun {
namespace {

void add_stream(const StreamSpec& stream, std::string_view what, OnError on_error, Definitions& definitions) {
  const std::string& name = stream.name.value();
  std::vector<std::string> from;
  for (const StreamName& one : stream.from) from.push_back(one.text.value());
  definitions[fmt::format("{} '{}'", what, name)] +=
      fmt::format("{} {}", fmt::join(from, ","), static_cast<int>(stream.on_error.value_or(on_error)));
  // Several inputs are a step of their own, and what rows pass as they are is none, as in `explain`.
  std::size_t number = stream.from.size() > 1 ? 1 : 0;
  for (const StepSpec& step : stream.steps) {
    if (!step.kind->bind) continue;
    definitions[fmt::format("{} step {} ({})", name, ++number, step.kind->name)] = step.digest;
  }
}

}  // namespace

Definitions definitions_of(const Resolution& r) {
  Definitions definitions;
  const OnError on_error = r.spec.settings.on_error;
  for (const SourceSpec& source : r.spec.sources) {
    definitions[fmt::format("source '{}'", source.name.value())] = source.digest;
  }
  for (const SourceSpec& table : r.spec.tables) {
    definitions[fmt::format("table '{}'", table.name.value())] = table.digest;
    if (table.stream) add_stream(*table.stream, "table", on_error, definitions);
  }
  for (const StreamSpec& stream : r.spec.streams) add_stream(stream, "stream", on_error, definitions);
  for (const OutputSpec& output : r.spec.outputs) {
    definitions[fmt::format("output '{}'", output.common.name.value())] = output.digest;
  }
  // Schemas may stand in files of their own.
  for (const GraphNode& node : r.graph.nodes) {
    if (node.kind != GraphNode::Kind::source) continue;
    const bool table = r.graph.sources[node.source].plan.table;
    std::string& definition = definitions[fmt::format("{} '{}'", table ? "table" : "source", node.stream)];
    definition += std::to_string(static_cast<int>(node.on_error));
    for (const Field& column : node.schema.columns)
      definition += fmt::format("\n{} {}", column.name, column.type.name());
  }
  definitions["`partitions`"] = std::to_string(r.spec.settings.partitions);
  return definitions;
}

}  // namespace streamrun
