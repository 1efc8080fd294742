#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runner/operator/spool.h"
#include "runner/plan/stream_graph.h"

namespace streamrun {

namespace {

constexpr std::uint32_t kAnyPhase = UINT32_MAX;

class Lowering {
 public:
  explicit Lowering(StreamGraph graph) : graph_(std::move(graph)) {}

  PhysicalPlan lower() {
    plan_.name = graph_.name;
    plan_.interval = graph_.interval;
    plan_.concurrent_outputs = graph_.concurrent_outputs;
    plan_.parallelism = graph_.parallelism;
    drop_unread();
    prune();
    make_nodes();
    assign_phases();
    mark_interleaved();
    for (GraphSource& source : graph_.sources) plan_.sources.push_back(std::move(source.plan));
    for (GraphOutput& output : graph_.outputs) plan_.outputs.push_back(std::move(output.plan));
    return std::move(plan_);
  }

 private:
  std::size_t count() const { return graph_.nodes.size(); }

  // What no output reads is not run.
  void drop_unread() {
    live_.assign(count(), false);
    for (std::size_t i = count(); i-- > 0;) {
      const GraphNode& node = graph_.nodes[i];
      if (node.kind == GraphNode::Kind::output) live_[i] = true;
      if (!live_[i]) continue;
      for (const std::size_t input : node.inputs) live_[input] = true;
    }
    // The rejects of a stream are read where its errors are: all of its nodes that lead anywhere stay.
    for (std::size_t i = 0; i < count(); ++i) {
      if (graph_.nodes[i].kind != GraphNode::Kind::errors || !live_[i]) continue;
      for (std::size_t j = 0; j < count(); ++j) {
        if (graph_.nodes[j].errors == i) keep(j);
      }
    }
  }

  void keep(std::size_t i) {
    live_[i] = true;
    for (const std::size_t input : graph_.nodes[i].inputs) keep(input);
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
    for (std::size_t i = 0; i < count(); ++i) {
      const GraphNode& node = graph_.nodes[i];
      if (node.kind != GraphNode::Kind::source) continue;
      GraphSource& source = graph_.sources[node.source];
      // Rejects that are routed carry the source's hidden columns.
      source.plan.wanted = needed_[i];
      if (!source.format) continue;
      const std::vector<bool> visible(needed_[i].begin(),
                                      needed_[i].begin() + static_cast<std::ptrdiff_t>(source.schema.columns.size()));
      Schema schema;
      schema.columns = source.schema.columns;
      source.plan.decoder = source.format->make_decoder(source.format_options.get(), schema, visible);
    }
  }

  void need(std::size_t node, const std::vector<bool>& columns) {
    for (std::size_t c = 0; c < columns.size() && c < needed_[node].size(); ++c) {
      if (columns[c]) needed_[node][c] = true;
    }
  }

  void prune_step(GraphNode& node, const std::vector<bool>& output) {
    BoundTransform& step = *node.step;
    if (step.breaker) {
      need(node.inputs[0], step.breaker->prune(output));
    } else {
      const auto inputs = step.kernel->prune(output);
      for (std::size_t k = 0; k < inputs.size() && k < node.inputs.size(); ++k) need(node.inputs[k], inputs[k]);
    }
    for (std::size_t k = 0; k < step.sides.size(); ++k) need(node.inputs[k + 1], step.sides[k]->prune(output));
  }

  NodeId add(PlanNode node) {
    node.id = NodeId(static_cast<std::uint32_t>(plan_.nodes.size()));
    plan_.nodes.push_back(std::move(node));
    return plan_.nodes.back().id;
  }

  PlanNode& at(NodeId id) { return plan_.nodes[id.value]; }

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
      made.source = node.source;
      made.output = node.output;
      switch (node.kind) {
        case GraphNode::Kind::source:
          made.kind = PlanNode::Kind::source;
          made.stage = node.stream;
          break;
        case GraphNode::Kind::errors:
          made.kind = PlanNode::Kind::errors;
          made.stage = node.stream;
          break;
        case GraphNode::Kind::output:
          made.kind = PlanNode::Kind::output;
          made.stage = "output " + graph_.outputs[node.output].plan.name;
          break;
        case GraphNode::Kind::step:
          made.kind = node.step->breaker ? PlanNode::Kind::breaker : PlanNode::Kind::kernel;
          made.stage = fmt::format("{} step {} ({})", node.stream, ++steps[node.stream], node.label);
          made.kernel = std::move(node.step->kernel);
          made.breaker = std::move(node.step->breaker);
          break;
      }
      ids_[i] = add(std::move(made));
      connect(node, ids_[i]);
    }
    for (std::size_t i = 0; i < count(); ++i) {
      if (live_[i] && graph_.nodes[i].errors && live_[*graph_.nodes[i].errors]) {
        at(ids_[i]).errors = ids_[*graph_.nodes[i].errors];
      }
    }
  }

  void connect(GraphNode& node, NodeId id) {
    const bool sides = node.step && !node.step->sides.empty();
    std::uint32_t base = 0;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (!live_[node.inputs[k]]) continue;
      if (k > 0 && sides) {
        PlanNode build;
        build.kind = PlanNode::Kind::breaker;
        build.stream = node.stream;
        build.stage = at(id).stage + ", build side";
        build.schema = graph_.nodes[node.inputs[k]].schema;
        build.on_error = node.on_error;
        build.breaker = std::move(node.step->sides[k - 1]);
        const NodeId made = add(std::move(build));
        at(id).sides.push_back(made);
        at(ids_[node.inputs[k]]).consumers.push_back({made, 0, 0});
      } else {
        at(ids_[node.inputs[k]]).consumers.push_back({id, k, base});
        base += graph_.nodes[node.inputs[k]].partitions;
      }
    }
  }

  static bool drives(const PlanNode& node) {
    return node.kind == PlanNode::Kind::source || node.kind == PlanNode::Kind::breaker;
  }

  // The first phase in which a kernel's sides are complete.
  std::uint32_t sides_ready(const PlanNode& node) {
    std::uint32_t ready = 0;
    for (const NodeId side : node.sides) ready = std::max(ready, last_[side.value] + 1);
    return ready;
  }

  // first_ and last_: the phases in which rows reach a node.
  void flow() {
    first_.assign(plan_.nodes.size(), kAnyPhase);
    last_.assign(plan_.nodes.size(), 0);
    // A build side is made after the kernel that needs it, so repeat until nothing moves; each round settles
    // at least one node of the acyclic graph.
    for (bool moved = true; moved;) {
      moved = false;
      for (PlanNode& node : plan_.nodes) {
        const std::size_t i = node.id.value;
        std::uint32_t from = first_[i];
        std::uint32_t to = last_[i];
        if (node.kind == PlanNode::Kind::source) from = to = node.phase;
        if (node.kind == PlanNode::Kind::breaker) {
          const std::uint32_t driver = std::max(node.phase, last_[i] + 1);
          moved = moved || node.phase != driver;
          node.phase = driver;
        }
        if (node.kind == PlanNode::Kind::kernel) to = std::max(to, sides_ready(node));
        moved = moved || from != first_[i] || to != last_[i];
        first_[i] = from;
        last_[i] = to;
        const std::uint32_t out_first = node.kind == PlanNode::Kind::breaker ? node.phase : first_[i];
        const std::uint32_t out_last = node.kind == PlanNode::Kind::breaker ? node.phase : last_[i];
        if (out_first == kAnyPhase) continue;
        const auto reach = [&](NodeId next) {
          if (first_[next.value] > out_first || last_[next.value] < out_last) {
            first_[next.value] = std::min(first_[next.value], out_first);
            last_[next.value] = std::max(last_[next.value], out_last);
            moved = true;
          }
        };
        for (const PlanEdge& edge : node.consumers) reach(edge.to);
        if (node.errors) reach(*node.errors);
      }
    }
  }

  // The latest phase in which a node may be pushed without holding up a breaker.
  std::uint32_t latest(NodeId id, std::vector<std::uint32_t>& memo) {
    if (memo[id.value] != kAnyPhase - 1) return memo[id.value];
    const PlanNode& node = at(id);
    std::uint32_t best = kAnyPhase;
    memo[id.value] = kAnyPhase;
    for (const PlanEdge& edge : node.consumers) {
      const PlanNode& next = at(edge.to);
      std::uint32_t one = kAnyPhase;
      if (next.kind == PlanNode::Kind::breaker) {
        one = last_[edge.to.value];
      } else if (next.kind == PlanNode::Kind::kernel) {
        one = latest(edge.to, memo);
        if (!next.sides.empty()) one = one == kAnyPhase ? sides_ready(next) : std::max(one, sides_ready(next));
      }
      best = std::min(best, one);
    }
    memo[id.value] = best;
    return best;
  }

  void assign_phases() {
    flow();
    std::vector<std::uint32_t> memo(plan_.nodes.size(), kAnyPhase - 1);
    for (PlanNode& node : plan_.nodes) {
      if (!drives(node)) continue;
      const std::uint32_t wish = latest(node.id, memo);
      if (wish != kAnyPhase && wish > node.phase) node.phase = wish;
    }
    flow();
    spool_early_inputs();
    std::uint32_t phases = 1;
    for (const PlanNode& node : plan_.nodes) {
      if (drives(node)) phases = std::max(phases, node.phase + 1);
    }
    plan_.phases.resize(phases);
    const auto is_side = [&](NodeId id) {
      return std::any_of(plan_.nodes.begin(), plan_.nodes.end(), [&](const PlanNode& node) {
        return std::find(node.sides.begin(), node.sides.end(), id) != node.sides.end();
      });
    };
    for (const PlanNode& node : plan_.nodes) {
      if (drives(node) && !is_side(node.id)) plan_.phases[node.phase].drivers.push_back(node.id);
      if (node.kind == PlanNode::Kind::breaker) plan_.phases[last_[node.id.value]].completing.push_back(node.id);
      if (node.kind == PlanNode::Kind::kernel && !node.sides.empty()) {
        plan_.phases[last_[node.id.value]].finishing.push_back(node.id);
      }
    }
  }

  // Rows that come before a kernel's sides are complete wait in a spool.
  void spool_early_inputs() {
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      for (std::size_t e = 0; e < plan_.nodes[i].consumers.size(); ++e) {
        const PlanEdge edge = plan_.nodes[i].consumers[e];
        const PlanNode& next = at(edge.to);
        if (next.kind != PlanNode::Kind::kernel || next.sides.empty()) continue;
        const PlanNode& from = plan_.nodes[i];
        const std::uint32_t pushed = from.kind == PlanNode::Kind::breaker ? from.phase : first_[i];
        if (pushed >= sides_ready(next)) continue;
        PlanNode spool;
        spool.kind = PlanNode::Kind::breaker;
        spool.stream = from.stream;
        spool.stage = from.stage + ", spool";
        spool.schema = from.schema;
        spool.breaker = make_spool();
        static_cast<void>(spool.breaker->prune(std::vector<bool>(spool.schema.size(), true)));
        spool.phase = sides_ready(next);
        spool.consumers.push_back(edge);
        const NodeId id = add(std::move(spool));
        plan_.nodes[i].consumers[e] = {id, 0, 0};
        flow();
      }
    }
  }

  // A union of branches that are pushed morsel by morsel together gives rows out of partition order.
  void mark_interleaved() {
    std::vector<std::set<std::uint32_t>> drivers(plan_.nodes.size());
    std::vector<bool> mixed(plan_.nodes.size(), false);
    for (std::size_t round = 0; round < plan_.nodes.size(); ++round) {
      bool moved = false;
      for (const PlanNode& node : plan_.nodes) {
        const std::size_t i = node.id.value;
        std::set<std::uint32_t> own = drivers[i];
        if (drives(node)) own = {node.id.value};
        const bool passes_on = mixed[i] && node.kind != PlanNode::Kind::breaker;
        for (const PlanEdge& edge : node.consumers) {
          auto& there = drivers[edge.to.value];
          const std::size_t before = there.size();
          there.insert(own.begin(), own.end());
          bool mix = passes_on;
          if (edge.port > 0) {
            // The driver of a later input comes first, or is an earlier input's too.
            for (const PlanNode& other : plan_.nodes) {
              for (const PlanEdge& sibling : other.consumers) {
                if (sibling.to != edge.to || sibling.port >= edge.port) continue;
                const std::set<std::uint32_t> before_it =
                    drives(other) ? std::set<std::uint32_t>{other.id.value} : drivers[other.id.value];
                mix = mix || (!before_it.empty() && !own.empty() && *before_it.rbegin() >= *own.begin());
              }
            }
          }
          moved = moved || there.size() != before || (mix && !mixed[edge.to.value]);
          if (mix) mixed[edge.to.value] = true;
        }
      }
      if (!moved) break;
    }
    for (const PlanNode& node : plan_.nodes) {
      if (node.kind == PlanNode::Kind::output && mixed[node.id.value]) {
        graph_.outputs[node.output].plan.interleaved = true;
      }
    }
  }

  StreamGraph graph_;
  PhysicalPlan plan_;
  std::vector<bool> live_;
  std::vector<std::vector<bool>> needed_;
  std::vector<NodeId> ids_;
  std::vector<std::uint32_t> first_, last_;
};

}  // namespace

PhysicalPlan lower(StreamGraph graph) {
  return Lowering(std::move(graph)).lower();
}

}  // namespace streamrun
