#include "runner/plan/explain.h"

#include <fmt/format.h>

#include <algorithm>

namespace streamrun {
namespace {

std::string joined(std::string_view a, std::string_view between, std::string_view b) {
  return a.empty() || b.empty() ? fmt::format("{}{}", a, b) : fmt::format("{}{}{}", a, between, b);
}

class Walk {
 public:
  explicit Walk(const PhysicalPlan& plan) : plan_(plan) {}

  Explanation explain() {
    made_.plan = &plan_;
    for (const PlanNode& node : plan_.nodes) made_.nodes.push_back(describe(node));
    for (const PlanNode& node : plan_.nodes) add_edges(node);
    for (std::uint32_t phase = 0; phase < plan_.phases.size(); ++phase) {
      for (const NodeId driver : plan_.phases[phase].drivers) reach(driver, phase + 1);
    }
    return std::move(made_);
  }

 private:
  ExplainNode describe(const PlanNode& node) {
    ExplainNode made;
    made.id = node.id;
    made.name = node.stage;
    made.work = joined(node.label, " ", node.detail);
    made.columns = &node.schema.columns;
    made.partitions = node.partitions;
    made.readers = node.consumers.size();
    if (node.breaker) made.collects = node.breaker->describe();
    switch (node.kind) {
      case PlanNode::Kind::source: add_source(node, made); break;
      case PlanNode::Kind::errors: made.role = ExplainNode::Role::errors; break;
      case PlanNode::Kind::output:
        made.role = ExplainNode::Role::output;
        made.work = joined(made.work, ", ", guarantee(plan_.outputs[node.output].bound));
        break;
      case PlanNode::Kind::breaker:
        if (node.label.empty()) {
          made.role = node.side ? ExplainNode::Role::build_side : ExplainNode::Role::spool;
        }
        break;
      case PlanNode::Kind::kernel: break;
    }
    return made;
  }

  // As it is kept in this pipeline.
  std::string guarantee(const BoundSink& sink) const {
    if (!plan_.settings.checkpoint || !sink.exactly_once) return sink.guarantee;
    const auto once = std::ranges::find_if(
        plan_.sources, [](const PlanSource& source) { return !source.table && !source.can_read_again(); });
    const auto received = std::ranges::find_if(plan_.sources, &PlanSource::receiver_log);
    if (once == plan_.sources.end() && received == plan_.sources.end()) return "exactly once";
    if (once == plan_.sources.end()) {
      return fmt::format("exactly once for what the receiver_log of source '{}' holds", received->name);
    }
    return fmt::format("at most once across a crash: source '{}' cannot be read again", once->name);
  }

  void add_source(const PlanNode& node, ExplainNode& made) {
    const PlanSource& source = plan_.sources[node.source];
    made.role = source.table ? ExplainNode::Role::table : ExplainNode::Role::source;
    made.work = joined(made.work, ", ", source.format);
    for (std::uint32_t c = 0; c < source.wanted.size(); ++c) {
      if (source.wanted[c]) made.decoded.push_back(node.schema.at(c).name);
    }
  }

  void add_edges(const PlanNode& node) {
    for (const PlanEdge& edge : node.consumers) made_.edges.push_back({node.id, edge.to, ExplainEdge::Kind::rows});
    if (node.errors) made_.edges.push_back({node.id, *node.errors, ExplainEdge::Kind::rejects});
    for (const NodeId side : node.sides) made_.edges.push_back({side, node.id, ExplainEdge::Kind::side});
  }

  void reach(NodeId id, std::uint32_t phase) {
    ExplainNode& node = made_.nodes[id.value];
    if (node.phase != 0 && node.phase < phase && !plan_.nodes[id.value].breaker) return;
    if (node.phase == 0) node.phase = phase;
    const PlanNode& at = plan_.nodes[id.value];
    if (at.breaker && at.phase + 1 != phase) return;  // it collects
    for (const PlanEdge& edge : at.consumers) reach(edge.to, phase);
    if (at.errors) reach(*at.errors, phase);
  }

  const PhysicalPlan& plan_;
  Explanation made_;
};

}  // namespace

std::string_view role_name(ExplainNode::Role role) {
  constexpr std::string_view kNames[] = {"source", "table", "step", "build side", "spool", "errors", "output"};
  return kNames[static_cast<std::size_t>(role)];
}

std::string_view edge_name(ExplainEdge::Kind kind) {
  constexpr std::string_view kNames[] = {"rows", "rejects", "side"};
  return kNames[static_cast<std::size_t>(kind)];
}

Explanation explain(const PhysicalPlan& plan) {
  return Walk(plan).explain();
}

}  // namespace streamrun
