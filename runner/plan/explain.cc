#include <fmt/format.h>

#include "runner/plan/stream_graph.h"

namespace streamrun {

std::string explain_text(const PhysicalPlan& plan) {
  std::string out = fmt::format("pipeline {}: a batch every {}, {} output(s) at once, {} thread(s)\n", plan.name,
                                format_duration(plan.interval), plan.concurrent_outputs, plan.parallelism);
  for (std::size_t p = 0; p < plan.phases.size(); ++p) {
    out += fmt::format("phase {}: driven by", p);
    for (const NodeId id : plan.phases[p].drivers) out += fmt::format(" #{}", id.value);
    out += '\n';
  }
  for (const PlanNode& node : plan.nodes) {
    out += fmt::format("#{} {}", node.id.value, node.stage);
    if (node.kind == PlanNode::Kind::breaker) out += fmt::format(": {}", node.breaker->describe());
    if (node.kind == PlanNode::Kind::source) {
      out += ": reads";
      const auto& wanted = plan.sources[node.source].wanted;
      for (std::uint32_t c = 0; c < wanted.size(); ++c) {
        if (wanted[c]) out += fmt::format(" {}", node.schema.at(c).name);
      }
    }
    out += fmt::format(" {}", node.schema.to_string());
    if (!node.consumers.empty()) out += " →";
    for (const PlanEdge& edge : node.consumers) out += fmt::format(" #{}", edge.to.value);
    if (node.consumers.size() > 1) out += " (computed once)";
    out += '\n';
  }
  return out;
}

}  // namespace streamrun
