#include "runner/plan/schedule.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "runner/operator/spool.h"

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
    std::vector<std::pair<PlanEdge*, std::size_t>> moved;           // edges, and which of these spools
    for (PlanNode& node : plan_.nodes) {
      const std::uint32_t out = drives(node) ? node.phase : first[node.id.value];
      for (PlanEdge& edge : node.consumers) {
        const PlanNode& next = at(edge.to);
        std::uint32_t pushed = out;
        if (next.kind == PlanNode::Kind::kernel && !next.sides.empty() && out < sides_ready(next)) {
          pushed = sides_ready(next);
          moved.emplace_back(&edge, before[edge.to.value].size());
          before[edge.to.value].push_back(make_spool_node(node, edge, pushed));
        }
        first[edge.to.value] = std::min(first[edge.to.value], pushed);
      }
      if (node.errors) first[node.errors->value] = std::min(first[node.errors->value], out);
    }
    if (moved.empty()) return;
    renumber(before, moved);
  }

  static PlanNode make_spool_node(const PlanNode& from, const PlanEdge& edge, std::uint32_t phase) {
    PlanNode spool;
    spool.kind = PlanNode::Kind::breaker;
    spool.stream = from.stream;
    spool.stage = from.stage + ", spool";
    spool.schema = from.schema;
    spool.partitions = from.partitions;
    spool.breaker = make_spool(spool.schema);
    spool.phase = phase;
    spool.consumers.push_back(edge);
    return spool;
  }

  // Each spool stands right before the node that it feeds.
  void renumber(std::vector<std::vector<PlanNode>>& before,
                const std::vector<std::pair<PlanEdge*, std::size_t>>& moved) {
    std::vector<NodeId> ids(plan_.nodes.size());
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      next += static_cast<std::uint32_t>(before[i].size());
      ids[i] = NodeId(next++);
    }
    const auto rename = [&](NodeId& id) { id = ids[id.value]; };
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (PlanNode& spool : before[i]) rename(spool.consumers[0].to);
      PlanNode& node = plan_.nodes[i];
      for (PlanEdge& edge : node.consumers) rename(edge.to);
      for (NodeId& side : node.sides) rename(side);
      if (node.errors) rename(*node.errors);
    }
    for (const auto& [edge, spool] : moved) {
      const std::size_t of = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), edge->to) - ids.begin());
      *edge = {NodeId(static_cast<std::uint32_t>(edge->to.value - before[of].size() + spool)), 0, 0};
    }
    std::vector<PlanNode> nodes;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (PlanNode& spool : before[i]) nodes.push_back(std::move(spool));
      nodes.push_back(std::move(plan_.nodes[i]));
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].id = NodeId(static_cast<std::uint32_t>(i));
    plan_.nodes = std::move(nodes);
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
