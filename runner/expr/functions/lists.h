// The lists that make up the function table, one a file of this folder.
#pragma once

#include <vector>

#include "runner/expr/function.h"

namespace streamrun {

std::vector<Function> math_functions();
std::vector<Function> null_functions();
std::vector<Function> string_functions();
std::vector<Function> regex_functions();
std::vector<Function> time_functions();
std::vector<Function> collection_functions();
// `f(distinct x)` is the entry `f_distinct` (count_distinct, sum_distinct…).
std::vector<Function> aggregate_functions();
// Operators under their symbols: "+", "=", "||", "negative", "like", "not"…
std::vector<Function> operator_functions();
// Those that the checker and the evaluator know by themselves.
std::vector<Function> higher_order_functions();
std::vector<Function> special_functions();

}  // namespace streamrun
