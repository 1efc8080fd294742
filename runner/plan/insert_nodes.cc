#include "runner/plan/insert_nodes.h"

#include <algorithm>

#include "runner/operator/spool.h"

namespace streamrun {

void insert_nodes(std::vector<PlanNode>& nodes, std::vector<std::vector<PlanNode>>& before,
                  const std::vector<std::pair<NodeId*, std::size_t>>& moved) {
  std::vector<NodeId> ids(nodes.size());
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    next += static_cast<std::uint32_t>(before[i].size());
    ids[i] = NodeId(next++);
  }
  const auto rename = [&](NodeId& id) { id = ids[id.value]; };
  const auto rename_all = [&](PlanNode& node) {
    for (PlanEdge& edge : node.consumers) rename(edge.to);
    for (NodeId& side : node.sides) rename(side);
    if (node.errors) rename(*node.errors);
  };
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (PlanNode& made : before[i]) rename_all(made);
    rename_all(nodes[i]);
  }
  for (const auto& [id, made] : moved) {
    const std::size_t of = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), *id) - ids.begin());
    *id = NodeId(static_cast<std::uint32_t>(id->value - before[of].size() + made));
  }
  std::vector<PlanNode> all;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (PlanNode& made : before[i]) all.push_back(std::move(made));
    all.push_back(std::move(nodes[i]));
  }
  for (std::size_t i = 0; i < all.size(); ++i) all[i].id = NodeId(static_cast<std::uint32_t>(i));
  nodes = std::move(all);
}

PlanNode make_spool_node(const PlanNode& from, std::vector<PlanEdge> consumers) {
  PlanNode spool;
  spool.kind = PlanNode::Kind::breaker;
  spool.stream = from.stream;
  spool.stage = from.stage + ", spool";
  spool.schema = from.schema;
  spool.partitions = from.partitions;
  spool.slide = spool.takes = from.slide;
  spool.breaker = make_spool(spool.schema);
  spool.consumers = std::move(consumers);
  return spool;
}

}  // namespace streamrun
