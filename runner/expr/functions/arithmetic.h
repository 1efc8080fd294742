// What the two files of arithmetic share.
#pragma once

#include <optional>

#include "runner/expr/functions/rules.h"

namespace streamrun {

// `+ - * %` of whole numbers, overflow an error of the row. T: std::int32_t or std::int64_t.
template <class T>
CallKernel integer_arithmetic(std::string_view op);

// date ± days, date ± interval, timestamp ± interval, date − date, interval ± interval, interval · number.
std::optional<ResolvedCall> resolve_time_arithmetic(std::string_view op, const CallTypes& call);

}  // namespace streamrun
