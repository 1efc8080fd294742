#include "runner/plan/schedule.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "runner/plan/insert_nodes.h"

namespace streamrun {
namespace {

constexpr std::uint32_t kAnyPhase = UINT32_MAX;

bool drives(const PlanNode& node) {
  return node.kind == PlanNode::Kind::source || node.kind == PlanNode::Kind::breaker;
}

// Nodes are visited in their order, which is topological: all that leads to a node has been visited before it.
class Schedule {
 public:
  explicit Schedule(PhysicalPlan& plan) : plan_(plan) {}

  void make() {
    find_last();
    put_off_drivers();
    find_last();
    add_spools();
    find_last();
    make_phases();
    mark_interleaved();
  }

 private:
  PlanNode& at(NodeId id) { return plan_.nodes[id.value]; }

  // The first phase in which a kernel's sides are complete.
  std::uint32_t sides_ready(const PlanNode& node) const {
    std::uint32_t ready = 0;
    for (const NodeId side : node.sides) ready = std::max(ready, last_[side.value] + 1);
    return ready;
  }

  // last_: the last phase in which rows reach a node. A breaker drives the phase behind it, at the earliest.
  void find_last() {
    last_.assign(plan_.nodes.size(), 0);
    for (PlanNode& node : plan_.nodes) {
      std::uint32_t& last = last_[node.id.value];
      std::uint32_t out = last;
      if (node.kind == PlanNode::Kind::source) out = last = node.phase;
      if (node.kind == PlanNode::Kind::breaker) out = node.phase = std::max(node.phase, last + 1);
      if (node.kind == PlanNode::Kind::kernel) out = last = std::max(last, sides_ready(node));
      const auto reach = [&](NodeId next) { last_[next.value] = std::max(last_[next.value], out); };
      for (const PlanEdge& edge : node.consumers) reach(edge.to);
      if (node.errors) reach(*node.errors);
    }
  }

  // A driver is pushed in the last phase that holds up no breaker: its rows need no spool then.
  void put_off_drivers() {
    std::vector<std::uint32_t> latest(plan_.nodes.size(), kAnyPhase);
    for (std::size_t i = plan_.nodes.size(); i-- > 0;) {
      PlanNode& node = plan_.nodes[i];
      for (const PlanEdge& edge : node.consumers) {
        const PlanNode& next = at(edge.to);
        std::uint32_t one = kAnyPhase;
        if (next.kind == PlanNode::Kind::breaker) {
          one = last_[edge.to.value];
        } else if (next.kind == PlanNode::Kind::kernel) {
          one = latest[edge.to.value];
          if (!next.sides.empty()) one = one == kAnyPhase ? sides_ready(next) : std::max(one, sides_ready(next));
        }
        latest[i] = std::min(latest[i], one);
      }
      if (drives(node) && latest[i] != kAnyPhase) node.phase = std::max(node.phase, latest[i]);
    }
  }

  // Rows that come before a kernel's sides are complete wait in a spool.
  void add_spools() {
    std::vector<std::uint32_t> first(plan_.nodes.size(), kAnyPhase);
    std::vector<std::vector<PlanNode>> before(plan_.nodes.size());  // spools, by the node that they feed
    std::vector<std::pair<NodeId*, std::size_t>> moved;             // ends of edges, and which of these spools
    for (PlanNode& node : plan_.nodes) {
      const std::uint32_t out = drives(node) ? node.phase : first[node.id.value];
      for (PlanEdge& edge : node.consumers) {
        const PlanNode& next = at(edge.to);
        std::uint32_t pushed = out;
        if (next.kind == PlanNode::Kind::kernel && !next.sides.empty() && out < sides_ready(next)) {
          pushed = sides_ready(next);
          moved.emplace_back(&edge.to, before[edge.to.value].size());
          PlanNode& spool = before[edge.to.value].emplace_back(make_spool_node(node, {edge}));
          spool.phase = pushed;
          edge = {edge.to};
        }
        first[edge.to.value] = std::min(first[edge.to.value], pushed);
      }
      if (node.errors) first[node.errors->value] = std::min(first[node.errors->value], out);
    }
    if (!moved.empty()) insert_nodes(plan_.nodes, before, moved);
  }

  void make_phases() {
    std::uint32_t phases = 1;
    std::vector<bool> is_side(plan_.nodes.size(), false);
    for (const PlanNode& node : plan_.nodes) {
      if (drives(node)) phases = std::max(phases, node.phase + 1);
      for (const NodeId side : node.sides) is_side[side.value] = true;
    }
    plan_.phases.resize(phases);
    for (const PlanNode& node : plan_.nodes) {
      if (drives(node) && !is_side[node.id.value]) plan_.phases[node.phase].drivers.push_back(node.id);
      if (node.kind == PlanNode::Kind::breaker) plan_.phases[last_[node.id.value]].completing.push_back(node.id);
      if (node.kind == PlanNode::Kind::kernel && !node.sides.empty()) {
        plan_.phases[last_[node.id.value]].finishing.push_back(node.id);
      }
    }
  }

  // A union of branches that are pushed morsel by morsel together gives rows out of partition order, and so does
  // one whose later input is pushed first.
  void mark_interleaved() {
    // The places of drivers in the order of pushing that reach each input of a node.
    using Turn = std::pair<std::uint32_t, std::uint32_t>;  // phase, node
    std::vector<std::map<std::size_t, std::set<Turn>>> inputs(plan_.nodes.size());
    std::vector<bool> mixed(plan_.nodes.size(), false);
    for (const PlanNode& node : plan_.nodes) {
      const std::size_t i = node.id.value;
      std::set<Turn> turns;
      for (const auto& [port, reached] : inputs[i]) {
        const bool behind = turns.empty() || reached.empty() || *turns.rbegin() < *reached.begin();
        mixed[i] = mixed[i] || !behind;
        turns.insert(reached.begin(), reached.end());
      }
      if (node.kind == PlanNode::Kind::output) plan_.outputs[node.output].interleaved = mixed[i];
      if (drives(node)) turns = {{node.phase, node.id.value}};
      const bool passes_on = mixed[i] && node.kind != PlanNode::Kind::breaker;
      for (const PlanEdge& edge : node.consumers) {
        inputs[edge.to.value][edge.port].insert(turns.begin(), turns.end());
        mixed[edge.to.value] = mixed[edge.to.value] || passes_on;
      }
    }
  }

  PhysicalPlan& plan_;
  std::vector<std::uint32_t> last_;
};

}  // namespace

void schedule(PhysicalPlan& plan) {
  Schedule(plan).make();
}

}  // namespace streamrun
