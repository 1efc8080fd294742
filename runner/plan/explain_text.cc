#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "runner/plan/explain.h"

namespace streamrun {
namespace {

std::string counted(std::size_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

class TextRenderer {
 public:
  explicit TextRenderer(const Explanation& explanation) : explanation_(explanation), plan_(*explanation.plan) {}

  std::string render() {
    out_ = fmt::format("{}: a batch every {}, {} at once, {}, {} of memory\n", plan_.settings.name,
                       format_duration(plan_.settings.batch_interval),
                       counted(plan_.settings.concurrent_outputs, "output"),
                       counted(*plan_.settings.parallelism, "thread"), format_byte_size(*plan_.settings.memory));
    out_ += "\nGraph\n";
    for (const ExplainNode& node : explanation_.nodes) graph_node(node);
    for (std::uint32_t phase = 0; phase < plan_.phases.size(); ++phase) {
      out_ += fmt::format("\nPhase {}\n", phase + 1);
      shown_.clear();
      for (const NodeId driver : plan_.phases[phase].drivers) {
        out_ += "  " + driver_line(at(driver)) + '\n';
        children(driver, "  ", phase);
      }
    }
    return std::move(out_);
  }

 private:
  const ExplainNode& at(NodeId id) const { return explanation_.nodes[id.value]; }

  // What the pipeline says: sources, steps and outputs, with the columns that leave them.
  void graph_node(const ExplainNode& node) {
    using Role = ExplainNode::Role;
    if (node.role == Role::build_side || node.role == Role::spool) return;
    const bool entry = node.role != Role::step && node.role != Role::output;
    out_ += fmt::format("  {}{}", entry ? fmt::format("{} ", role_name(node.role)) : "", node.name);
    if (!node.work.empty() && node.role != Role::errors) out_ += ": " + node.work;
    out_ += '\n';
    std::vector<std::string> from;
    for (const ExplainEdge& edge : explanation_.edges) {
      if (edge.to != node.id || edge.kind == ExplainEdge::Kind::rejects) continue;
      from.push_back(origin(edge.from));
    }
    if (!from.empty()) out_ += fmt::format("      from {}\n", fmt::join(from, ", "));
    if (node.role == Role::output) return;
    out_ += fmt::format("      ({})", columns(*node.columns));
    if (node.role != Role::errors) {
      out_ += node.partitions == 0 ? ", partitions as they come" : ", " + counted(node.partitions, "partition");
    }
    if (node.readers > 1) out_ += fmt::format(", computed once for {} readers", node.readers);
    out_ += '\n';
  }

  // Behind build sides and spools, which the pipeline does not name.
  std::string origin(NodeId id) const {
    const ExplainNode& node = at(id);
    if (node.role != ExplainNode::Role::build_side && node.role != ExplainNode::Role::spool) return node.name;
    for (const ExplainEdge& edge : explanation_.edges) {
      if (edge.to == id) return origin(edge.from);
    }
    return node.name;
  }

  static std::string columns(const std::vector<Field>& fields) {
    std::string text;
    for (const Field& field : fields) {
      if (!text.empty()) text += ", ";
      text += fmt::format("{} {}", field.name, field.type.name());
    }
    return text;
  }

  std::string driver_line(const ExplainNode& node) const {
    if (node.role == ExplainNode::Role::source || node.role == ExplainNode::Role::table) {
      if (node.decoded.empty()) return fmt::format("read {}: no column", node.name);
      return fmt::format("read {}: {}", node.name, fmt::join(node.decoded, ", "));
    }
    return fmt::format("push {}", node.name);
  }

  std::string line(const ExplainNode& node, bool again) const {
    std::string text = node.name;
    if (!node.collects.empty()) text += fmt::format(" ■ {}", node.collects);
    if (again) return text + ", as above";
    std::vector<std::string_view> sides;
    for (const ExplainEdge& edge : explanation_.edges) {
      if (edge.to == node.id && edge.kind == ExplainEdge::Kind::side) sides.push_back(at(edge.from).name);
    }
    return sides.empty() ? text : fmt::format("{} ◀ {}", text, fmt::join(sides, ", "));
  }

  // What rows of a node run through in this phase, as a tree.
  void children(NodeId id, const std::string& indent, std::uint32_t phase) {
    std::vector<const ExplainEdge*> edges;
    for (const ExplainEdge& edge : explanation_.edges) {
      if (edge.from == id && edge.kind != ExplainEdge::Kind::side) edges.push_back(&edge);
    }
    for (const ExplainEdge* edge : edges) {
      const bool last = edge == edges.back();
      const bool again = !shown_.insert(edge->to.value).second;
      out_ += fmt::format("{}{}{}{}\n", indent, last ? "└─ " : "├─ ",
                          edge->kind == ExplainEdge::Kind::rejects ? "rejects: " : "", line(at(edge->to), again));
      if (!again && at(edge->to).collects.empty()) children(edge->to, indent + (last ? "   " : "│  "), phase);
    }
  }

  const Explanation& explanation_;
  const PhysicalPlan& plan_;
  std::string out_;
  std::set<std::uint32_t> shown_;
};

}  // namespace

std::string explain_text(const Explanation& explanation) {
  return TextRenderer(explanation).render();
}

}  // namespace streamrun
