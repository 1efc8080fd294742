// New nodes within a plan whose nodes know each other by number.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "runner/plan/physical_plan.h"

namespace streamrun {

// `before`: by node, those that are to stand right before it, with consumers that are numbered as things were.
// `moved`: numbers that name node i and are to name one of before[i] instead, and which. All are numbered anew.
void insert_nodes(std::vector<PlanNode>& nodes, std::vector<std::vector<PlanNode>>& before,
                  const std::vector<std::pair<NodeId*, std::size_t>>& moved);

// Rows of `from` that wait for `consumers`.
PlanNode make_spool_node(const PlanNode& from, std::vector<PlanEdge> consumers);

}  // namespace streamrun
