// Constants computed while an expression is compiled.
#pragma once

#include "runner/base/result.h"
#include "runner/expr/node.h"

namespace streamrun {

// The value of a node without columns, a constant of one row; the Error is that of its row.
Result<ColumnPtr> compute_constant(const ExprNode& node);

}  // namespace streamrun
