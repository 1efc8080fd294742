// Tables within a plan: they are read apart from the batches, and what they alone make stays from batch to batch.
#pragma once

#include <cstddef>
#include <vector>

#include "runner/plan/physical_plan.h"

namespace streamrun {

// Puts a spool behind each table, and its steps over its rows alone, whose rows go anywhere but into build sides of its
// own, and one behind its rejects where they are routed. From then on reading a table completes breakers, and touches
// nothing else of a batch.
void spool_tables(PhysicalPlan& plan);

struct TableUse {
  // By source: the breakers that reading this table completes; none of what is no table.
  std::vector<std::vector<NodeId>> loads;
  // By NodeId: the tables that make this breaker's result, if it stays: it is no driver that gives its rows away, and
  // no source of batches has part in it. Else none.
  std::vector<std::vector<std::size_t>> made_by;
  // Of `loads`, those that hold rejects: they are of one batch and do not stay.
  std::vector<NodeId> rejects;
};
// Of a plan that spool_tables has seen.
TableUse find_table_use(const PhysicalPlan& plan);

}  // namespace streamrun
