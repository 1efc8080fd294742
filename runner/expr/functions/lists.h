// The lists that make up the function table, in the files of this folder.
#pragma once

#include <vector>

#include "runner/expr/function.h"

namespace streamrun {

std::vector<Function> math_functions();
std::vector<Function> rounding_functions();
std::vector<Function> number_functions();
std::vector<Function> null_functions();
std::vector<Function> string_functions();
std::vector<Function> string_search_functions();
std::vector<Function> concat_functions();
std::vector<Function> encoding_functions();
std::vector<Function> format_functions();
std::vector<Function> hash_functions();
std::vector<Function> url_functions();
std::vector<Function> like_functions();
std::vector<Function> regex_functions();
std::vector<Function> time_functions();
std::vector<Function> time_text_functions();
std::vector<Function> time_zone_functions();
std::vector<Function> array_functions();
std::vector<Function> array_set_functions();
std::vector<Function> map_functions();
std::vector<Function> json_functions();
std::vector<Function> variant_functions();
// Operators under their symbols: "+", "=", "||", "negative", "like", "not"…
std::vector<Function> arithmetic_functions();
std::vector<Function> comparison_functions();
// Those that the checker and the evaluator know by themselves.
std::vector<Function> higher_order_functions();
std::vector<Function> special_functions();
// `f(distinct x)` is the entry `f_distinct` (count_distinct, sum_distinct…).
std::vector<Function> sum_aggregates();
std::vector<Function> pick_aggregates();
std::vector<Function> moment_aggregates();
std::vector<Function> collection_aggregates();

}  // namespace streamrun
