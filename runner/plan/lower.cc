#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <set>
#include <string>
#include <vector>

#include "runner/plan/schedule.h"
#include "runner/plan/stream_graph.h"
#include "runner/plan/table_use.h"

namespace streamrun {

namespace {

// Room for partitions whose number is known only at run time, before those of the next input of a union.
constexpr std::uint32_t kVaryingPartitions = 1U << 20U;

class Lowering {
 public:
  explicit Lowering(StreamGraph graph) : graph_(std::move(graph)) {}

  PhysicalPlan lower() {
    plan_.settings = graph_.settings;
    plan_.definitions = std::move(graph_.definitions);
    plan_.text = graph_.text;
    plan_.params = graph_.params;
    drop_unread();
    find_without_raw();
    prune();
    find_origins();
    make_nodes();
    for (GraphOutput& output : graph_.outputs) plan_.outputs.push_back(std::move(output.plan));
    spool_tables(plan_);
    schedule(plan_);
    return std::move(plan_);
  }

 private:
  std::size_t count() const { return graph_.nodes.size(); }

  // What no output reads is not run. The rejects of a stream are read where its errors are, so its nodes are
  // live then, too: they stand before the errors node.
  void drop_unread() {
    live_.assign(count(), false);
    for (std::size_t i = count(); i-- > 0;) {
      const GraphNode& node = graph_.nodes[i];
      if (node.kind == GraphNode::Kind::output) live_[i] = true;
      if (node.kind != GraphNode::Kind::output && node.errors && live_[*node.errors]) live_[i] = true;
      if (!live_[i]) continue;
      for (const std::size_t input : node.inputs) live_[input] = true;
    }
  }

  void prune() {
    needed_.resize(count());
    for (std::size_t i = 0; i < count(); ++i) needed_[i].assign(graph_.nodes[i].schema.size(), false);
    for (std::size_t i = count(); i-- > 0;) {
      GraphNode& node = graph_.nodes[i];
      if (!live_[i]) continue;
      if (node.kind == GraphNode::Kind::output) {
        GraphOutput& output = graph_.outputs[node.output];
        for (const std::uint32_t column : output.columns) needed_[node.inputs[0]][column] = true;
        for (const std::uint32_t column : output.plan.bound.reads) needed_[node.inputs[0]][column] = true;
      } else if (node.kind == GraphNode::Kind::step) {
        prune_step(node, needed_[i]);
      } else if (node.kind == GraphNode::Kind::errors) {
        for (const std::size_t input : node.inputs) need(input, needed_[i]);
      }
    }
    const std::vector<std::string> hidden = hidden_somewhere();
    for (std::size_t i = 0; i < count(); ++i) {
      const GraphNode& node = graph_.nodes[i];
      if (node.kind != GraphNode::Kind::source || !live_[i]) continue;
      GraphSource& source = graph_.sources[node.source];
      // Rejects that are routed carry the source's hidden columns.
      source.plan.wanted = needed_[i];
      source.plan.wanted_hidden = hidden;
      if (!source.format) continue;
      const std::vector<bool> visible(needed_[i].begin(),
                                      needed_[i].begin() + static_cast<std::ptrdiff_t>(source.schema.columns.size()));
      source.plan.decoder = source.format->make_decoder(visible);
    }
  }

  // Names of the hidden columns that somebody reads, of whatever source.
  std::vector<std::string> hidden_somewhere() const {
    std::set<std::string> names;
    for (std::size_t i = 0; i < count(); ++i) {
      const Schema& schema = graph_.nodes[i].schema;
      for (std::size_t c = schema.columns.size(); live_[i] && c < schema.size(); ++c) {
        if (needed_[i][c]) names.insert(schema.at(static_cast<std::uint32_t>(c)).name);
      }
    }
    return {names.begin(), names.end()};
  }

  void need(std::size_t node, const std::vector<bool>& columns) {
    for (std::size_t c = 0; c < columns.size() && c < needed_[node].size(); ++c) {
      if (columns[c]) needed_[node][c] = true;
    }
  }

  void prune_step(GraphNode& node, const std::vector<bool>& output) {
    node.made = node.step->step.make(output);
    assert(node.made.needed.size() == node.inputs.size() && (!node.made.kernel != !node.made.breaker));
    for (std::size_t k = 0; k < node.inputs.size(); ++k) need(node.inputs[k], node.made.needed[k]);
    if (node.can_fail && node.errors && live_[*node.errors]) {
      for (const std::size_t input : node.inputs) need_shown(input);
    }
  }

  // A reject whose record has no bytes is shown as the row that failed, so all of that row is computed.
  void need_shown(std::size_t input) {
    if (!without_raw_[input]) return;
    const std::size_t visible = graph_.nodes[input].schema.columns.size();
    std::fill_n(needed_[input].begin(), visible, true);
  }

  void find_without_raw() {
    without_raw_.assign(count(), false);
    for (std::size_t i = 0; i < count(); ++i) {
      const GraphNode& node = graph_.nodes[i];
      if (node.kind == GraphNode::Kind::source) without_raw_[i] = !graph_.sources[node.source].format;
      if (node.kind != GraphNode::Kind::step) continue;
      without_raw_[i] = node.step->step.collects || !node.step->step.keeps_origins;
      for (const std::size_t input : node.inputs) without_raw_[i] = without_raw_[i] || without_raw_[input];
    }
  }

  // Rejects need the origins of their rows. Where nothing behind a step can fail, it need not make them.
  void find_origins() {
    origins_.assign(count(), false);
    for (std::size_t i = count(); i-- > 0;) {
      const GraphNode& node = graph_.nodes[i];
      if (!live_[i]) continue;
      const bool ends = node.step && !node.step->step.keeps_origins;
      for (std::size_t k = 0; k < node.inputs.size(); ++k) {
        const bool side = node.step && k > 0 && node.step->step.collects;
        if (node.can_fail || side || (origins_[i] && !ends)) origins_[node.inputs[k]] = true;
      }
    }
  }

  // 0: every batch is one of it.
  Duration slide(const GraphNode& node) const {
    return node.slide == graph_.settings.batch_interval ? Duration(0) : node.slide;
  }

  NodeId add(PlanNode node) {
    node.id = NodeId(static_cast<std::uint32_t>(plan_.nodes.size()));
    plan_.nodes.push_back(std::move(node));
    return plan_.nodes.back().id;
  }

  void make_nodes() {
    ids_.resize(count());
    std::map<std::string, int> steps;
    for (std::size_t i = 0; i < count(); ++i) {
      if (!live_[i]) continue;
      GraphNode& node = graph_.nodes[i];
      PlanNode made;
      made.stream = node.stream;
      made.schema = node.schema;
      made.on_error = node.on_error;
      made.output = node.output;
      made.origins = origins_[i];
      made.label = node.label;
      made.partitions = node.partitions;
      made.slide = slide(node.kind == GraphNode::Kind::output ? graph_.nodes[node.inputs[0]] : node);
      made.takes = node.inputs.empty() ? made.slide : slide(graph_.nodes[node.inputs[0]]);
      plan_.keeps = std::max(plan_.keeps, node.keeps);
      switch (node.kind) {
        case GraphNode::Kind::source:
          made.kind = PlanNode::Kind::source;
          made.stage = node.stream;
          made.source = plan_.sources.size();
          made.detail = graph_.sources[node.source].plan.bound.detail;
          plan_.sources.push_back(std::move(graph_.sources[node.source].plan));
          break;
        case GraphNode::Kind::errors:
          made.kind = PlanNode::Kind::errors;
          made.stage = node.stream;
          break;
        case GraphNode::Kind::output:
          made.kind = PlanNode::Kind::output;
          made.stage = "output " + graph_.outputs[node.output].plan.name;
          graph_.outputs[node.output].plan.slide = made.slide;
          made.detail = graph_.outputs[node.output].plan.bound.detail;
          break;
        case GraphNode::Kind::step:
          made.kind = node.made.breaker ? PlanNode::Kind::breaker : PlanNode::Kind::kernel;
          made.stage =
              fmt::format("{} step {} ({})", node.stream, steps[node.stream] += node.goes_on ? 0 : 1, node.label);
          made.detail = node.step->detail;
          made.kernel = std::move(node.made.kernel);
          made.breaker = std::move(node.made.breaker);
          break;
      }
      add_build_sides(node, made);
      ids_[i] = add(std::move(made));
      connect(node, ids_[i]);
    }
    for (std::size_t i = 0; i < count(); ++i) {
      if (live_[i] && graph_.nodes[i].errors && live_[*graph_.nodes[i].errors]) {
        PlanNode& node = plan_.nodes[ids_[i].value];
        node.errors = ids_[*graph_.nodes[i].errors];
        for (const NodeId side : node.sides) plan_.nodes[side.value].errors = node.errors;
      }
    }
  }

  // What a kernel collects before it starts; before it in the order of nodes.
  void add_build_sides(GraphNode& node, PlanNode& kernel) {
    for (std::size_t k = 0; k < node.made.sides.size(); ++k) {
      PlanNode build;
      build.kind = PlanNode::Kind::breaker;
      build.stream = node.stream;
      build.stage = kernel.stage + ", build side";
      build.schema = graph_.nodes[node.inputs[k + 1]].schema;
      build.on_error = node.on_error;
      build.side = true;
      build.slide = build.takes = slide(graph_.nodes[node.inputs[k + 1]]);
      build.partitions = graph_.nodes[node.inputs[k + 1]].partitions;
      build.breaker = std::move(node.made.sides[k]);
      kernel.sides.push_back(add(std::move(build)));
      plan_.nodes[ids_[node.inputs[k + 1]].value].consumers.push_back({kernel.sides.back(), 0, 0});
    }
  }

  void connect(const GraphNode& node, NodeId id) {
    const std::size_t pushed = node.step && node.step->step.collects ? 1 : node.inputs.size();
    std::uint32_t base = 0;
    for (std::size_t k = 0; k < pushed; ++k) {
      if (!live_[node.inputs[k]]) continue;
      plan_.nodes[ids_[node.inputs[k]].value].consumers.push_back({id, k, base});
      const std::uint32_t own = graph_.nodes[node.inputs[k]].partitions;
      base += own == 0 ? kVaryingPartitions : own;
    }
  }

  StreamGraph graph_;
  PhysicalPlan plan_;
  std::vector<bool> live_;
  std::vector<std::vector<bool>> needed_;
  std::vector<bool> without_raw_;  // a node's rows may have no bytes that they came from
  std::vector<bool> origins_;      // of the rows that a node pushes
  std::vector<NodeId> ids_;
};

}  // namespace

PhysicalPlan lower(StreamGraph graph) {
  return Lowering(std::move(graph)).lower();
}

}  // namespace streamrun
