#include <fmt/format.h>

#include "runner/plan/explain.h"

namespace streamrun {
namespace {

// As a quoted text of dot: line ends are `\n` in it.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string_view shape_of(const ExplainNode& node) {
  using Role = ExplainNode::Role;
  if (node.role == Role::source || node.role == Role::table) return "cylinder";
  if (node.role == Role::output) return "note";
  return node.collects.empty() ? "box" : "box3d";
}

std::string label_of(const ExplainNode& node) {
  std::string label = node.name;
  for (const std::string& part : {node.work, node.collects}) {
    if (!part.empty()) label += '\n' + part;
  }
  return label;
}

std::string columns_of(const ExplainNode& node) {
  std::string label;
  for (const Field& field : *node.columns) label += fmt::format("{} {}\n", field.name, field.type.name());
  return label + (node.partitions == 0 ? "×n" : fmt::format("×{}", node.partitions));
}

}  // namespace

std::string explain_dot(const Explanation& explanation) {
  const PhysicalPlan& plan = *explanation.plan;
  std::string out = fmt::format("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", quoted(plan.settings.name));
  for (std::size_t phase = 1; phase <= plan.phases.size(); ++phase) {
    out += fmt::format("  subgraph cluster_{0} {{\n    label=\"phase {0}\";\n", phase);
    for (const ExplainNode& node : explanation.nodes) {
      if (node.phase != phase) continue;
      out += fmt::format("    n{} [shape={}, label={}];\n", node.id.value, shape_of(node), quoted(label_of(node)));
    }
    out += "  }\n";
  }
  for (const ExplainEdge& edge : explanation.edges) {
    const bool rows = edge.kind == ExplainEdge::Kind::rows;
    out += fmt::format("  n{} -> n{} [{}label={}];\n", edge.from.value, edge.to.value, rows ? "" : "style=dashed, ",
                       rows ? quoted(columns_of(explanation.nodes[edge.from.value])) : quoted(edge_name(edge.kind)));
  }
  return out + "}\n";
}

}  // namespace streamrun
