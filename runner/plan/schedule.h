// Which node runs in which phase. Within plan/ only.
#pragma once

#include "runner/plan/physical_plan.h"

namespace streamrun {

// Cuts a plan whose nodes are in topological order, build sides before the kernels that need them, into phases.
// Adds the spools in which rows wait for a later phase, and numbers the nodes anew.
void schedule(PhysicalPlan& plan);

}  // namespace streamrun
