// Windows: the rows of the batches in (t − window, t], oldest first, each batch's as they came.
#pragma once

#include "runner/base/units.h"
#include "runner/data/type.h"
#include "runner/operator/kernel.h"

namespace streamrun {

// Each batch's rows are a pane, in a spool; a window is its panes. Nothing is kept of it but for that: panes are made
// again from what the batch log says that their batches took.
StepFactory make_window(Schema schema, Duration window, Duration slide);

}  // namespace streamrun
