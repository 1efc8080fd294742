// Values from outside as what expressions take.
#pragma once

#include "runner/expr/expression.h"

namespace streamrun {

// The first value of a column.
Param constant_param(const Column& column);

}  // namespace streamrun
