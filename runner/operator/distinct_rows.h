// The first whole row of each key, in the order they came.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runner/data/type.h"
#include "runner/expr/expression.h"
#include "runner/operator/kernel.h"

namespace streamrun {

// One partition. `schema`: of the input, and of the result. `text`: of the key, for `explain`.
std::unique_ptr<Breaker> make_distinct(Schema schema, std::vector<Expression> keys, std::string text);

}  // namespace streamrun
