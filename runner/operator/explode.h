// Rows of lists: what flat_map and flat_map_values share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "runner/expr/expression.h"
#include "runner/operator/kernel.h"

namespace streamrun {

struct ExplodeSpec {
  std::uint32_t inputs = 0;  // columns of the input, hidden ones included
  Expression each;           // an array
  // Columns of the input that stay, visible and hidden ones, or what is computed in their place.
  std::vector<Expression> kept;
  std::size_t element_at = 0;  // before which of them the element stands
  bool outer = false;          // an empty list and a null give a row, whose element is null
};

// A row for each element, in order, and in portions.
StepFactory make_explode(ExplodeSpec spec);

}  // namespace streamrun
