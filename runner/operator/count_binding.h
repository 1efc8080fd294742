// What count and count_by_value are, with a window before them or none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runner/operator/options.h"
#include "runner/operator/transform.h"

namespace streamrun {

struct CountOptions {
  std::string as = "count";
};
// One row, 0 when there are none.
std::optional<BoundTransform> bind_count(const CountOptions& options, BindContext& context);

struct CountByValueOptions {
  std::vector<NameText> columns;  // none: all
};
std::optional<BoundTransform> bind_count_by_value(const CountByValueOptions& options, BindContext& context);

}  // namespace streamrun
