// The plan, shown: what a person reads, what a program reads, what graphviz draws.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/plan/physical_plan.h"

namespace streamrun {

struct ExplainNode {
  enum class Role { source, table, step, build_side, spool, errors, output };

  NodeId id;
  Role role = Role::step;
  std::string name;      // `r step 1 (filter)`: as messages name it
  std::string work;      // the operator and what it does: `filter amount > 0`
  std::string collects;  // of what sees all its input first: `aggregate by (k) into 8 partitions`
  const std::vector<Field>* columns = nullptr;
  std::vector<std::string_view> decoded;  // of a source: what somebody reads
  std::uint32_t partitions = 1;
  std::uint32_t phase = 0;  // the first in which rows reach it, counted from 1
  std::size_t readers = 0;
};

struct ExplainEdge {
  enum class Kind { rows, rejects, side };

  NodeId from, to;
  Kind kind = Kind::rows;
};

// The graph and the phases that run it, by one walk over the plan.
struct Explanation {
  const PhysicalPlan* plan = nullptr;
  std::vector<ExplainNode> nodes;  // by NodeId
  std::vector<ExplainEdge> edges;  // in the order of the nodes they leave
};

std::string_view role_name(ExplainNode::Role role);
std::string_view edge_name(ExplainEdge::Kind kind);

Explanation explain(const PhysicalPlan& plan);

std::string explain_text(const Explanation& explanation);
std::string explain_json(const Explanation& explanation);
std::string explain_dot(const Explanation& explanation);

}  // namespace streamrun
