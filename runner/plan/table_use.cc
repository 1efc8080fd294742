#include "runner/plan/table_use.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "runner/plan/insert_nodes.h"

namespace streamrun {
namespace {

using Kind = PlanNode::Kind;

// By NodeId: the sources that a node's rows come from.
std::vector<std::vector<bool>> find_feeds(const PhysicalPlan& plan) {
  const std::size_t sources = plan.sources.size();
  std::vector<std::vector<bool>> feeds(plan.nodes.size(), std::vector<bool>(sources));
  const auto merge = [&](NodeId into, NodeId from) {
    for (std::size_t s = 0; s < sources; ++s) {
      if (feeds[from.value][s]) feeds[into.value][s] = true;
    }
  };
  for (const PlanNode& node : plan.nodes) {  // in topological order
    if (node.kind == Kind::source) feeds[node.id.value][node.source] = true;
    for (const NodeId side : node.sides) merge(node.id, side);
    for (const PlanEdge& edge : node.consumers) merge(edge.to, node.id);
    if (node.errors) merge(*node.errors, node.id);
  }
  return feeds;
}

bool is_table(const PhysicalPlan& plan, const PlanNode& node) {
  return node.kind == Kind::source && plan.sources[node.source].table;
}

bool by_tables_alone(const PhysicalPlan& plan, const std::vector<bool>& feeds) {
  bool any = false;
  for (std::size_t s = 0; s < feeds.size(); ++s) {
    if (feeds[s] && !plan.sources[s].table) return false;
    any = any || feeds[s];
  }
  return any;
}

// The nodes of a table's name, in order: its source, then its steps up to the first that has rows of others.
std::vector<NodeId> own_nodes(const PhysicalPlan& plan, const std::vector<std::vector<bool>>& feeds, NodeId source) {
  std::vector<NodeId> own{source};
  while (true) {
    const PlanNode& node = plan.nodes[own.back().value];
    if (node.consumers.size() != 1) return own;
    const PlanNode& next = plan.nodes[node.consumers[0].to.value];
    const bool step = (next.kind == Kind::kernel || next.kind == Kind::breaker) && !next.label.empty();
    const std::vector<bool>& fed = feeds[next.id.value];
    if (!step || next.stream != node.stream || std::count(fed.begin(), fed.end(), true) != 1) return own;
    own.push_back(next.id);
  }
}

// Whether the rows of `node`, from table `table`, all go into build sides that nothing else has part in, through
// steps that need none and whose rejects go nowhere.
bool builds_only(const PhysicalPlan& plan, const std::vector<std::vector<bool>>& feeds, const PlanNode& node) {
  if (node.errors) return false;
  return std::all_of(node.consumers.begin(), node.consumers.end(), [&](const PlanEdge& edge) {
    const PlanNode& next = plan.nodes[edge.to.value];
    if (std::count(feeds[edge.to.value].begin(), feeds[edge.to.value].end(), true) != 1) return false;
    if (next.kind == Kind::breaker) return next.side && !next.errors;
    return next.kind == Kind::kernel && next.sides.empty() && builds_only(plan, feeds, next);
  });
}

// The breakers that rows pushed by `node` reach first.
void reached(const PhysicalPlan& plan, const PlanNode& node, std::vector<NodeId>& found) {
  const auto reach = [&](NodeId id) {
    const PlanNode& next = plan.nodes[id.value];
    if (next.kind != Kind::breaker) {
      reached(plan, next, found);
    } else if (std::find(found.begin(), found.end(), id) == found.end()) {
      found.push_back(id);
    }
  };
  for (const PlanEdge& edge : node.consumers) reach(edge.to);
  if (node.errors) reach(*node.errors);
}

}  // namespace

void spool_tables(PhysicalPlan& plan) {
  const std::vector<std::vector<bool>> feeds = find_feeds(plan);
  std::vector<std::vector<PlanNode>> before(plan.nodes.size());
  std::vector<std::pair<NodeId*, std::size_t>> moved;
  for (const PlanNode& source : plan.nodes) {
    if (!is_table(plan, source)) continue;
    const std::vector<NodeId> own_ids = own_nodes(plan, feeds, source.id);
    PlanNode& node = plan.nodes[own_ids.back().value];
    if (builds_only(plan, feeds, node)) continue;
    if (!node.consumers.empty()) {
      const NodeId next(node.id.value + 1);  // there is one: its consumers stand behind it
      std::vector<PlanNode>& here = before[next.value];
      here.push_back(make_spool_node(node, std::exchange(node.consumers, {{next}})));
      moved.emplace_back(&node.consumers[0].to, here.size() - 1);
    }
    if (node.errors) {
      // The errors node may have rejects of outputs as well, in the batches themselves.
      const PlanNode& all = plan.nodes[node.errors->value];
      std::vector<PlanNode>& here = before[all.id.value];
      PlanNode& own = here.emplace_back();
      own.kind = Kind::errors;
      own.stream = all.stream;
      own.stage = all.stage;
      own.label = all.label;
      own.partitions = all.partitions;
      own.schema = all.schema;
      own.consumers = {{all.id}};
      for (const NodeId one : own_ids) moved.emplace_back(&*plan.nodes[one.value].errors, here.size() - 1);
      moved.emplace_back(&own.consumers[0].to, here.size());
      here.push_back(make_spool_node(all, {{all.id}}));
    }
  }
  if (!moved.empty()) insert_nodes(plan.nodes, before, moved);
}

TableUse find_table_use(const PhysicalPlan& plan) {
  const std::vector<std::vector<bool>> feeds = find_feeds(plan);
  TableUse use;
  use.loads.resize(plan.sources.size());
  use.made_by.resize(plan.nodes.size());
  std::vector<bool> stays(plan.nodes.size());
  for (const PlanNode& node : plan.nodes) {
    if (node.kind == Kind::breaker && node.side && by_tables_alone(plan, feeds[node.id.value])) {
      stays[node.id.value] = true;
    }
    if (!is_table(plan, node)) continue;
    reached(plan, plan.nodes[own_nodes(plan, feeds, node.id).back().value], use.loads[node.source]);
    if (node.errors) reached(plan, plan.nodes[node.errors->value], use.rejects);
    for (const NodeId load : use.loads[node.source]) stays[load.value] = true;
  }
  for (const NodeId rejects : use.rejects) stays[rejects.value] = false;
  for (std::size_t i = 0; i < stays.size(); ++i) {
    for (std::size_t s = 0; stays[i] && s < plan.sources.size(); ++s) {
      if (feeds[i][s]) use.made_by[i].push_back(s);
    }
  }
  return use;
}

}  // namespace streamrun
