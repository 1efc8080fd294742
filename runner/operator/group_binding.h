// What group_by_key is, with a window before it or none.
#pragma once

#include <optional>

#include "runner/operator/options.h"
#include "runner/operator/transform.h"

namespace streamrun {

struct GroupByKeyOptions {
  KeyOption key;
  ExprText values;
  LocatedText as = LocatedText("values", {});
};
std::optional<BoundTransform> bind_group_by_key(const GroupByKeyOptions& options, BindContext& context);

}  // namespace streamrun
