// The options that reduce, reduce_by_key and their windowed kin share, and what they mean.
#pragma once

#include <optional>

#include "runner/operator/keyed_aggregate.h"
#include "runner/operator/options.h"
#include "runner/operator/transform.h"

namespace streamrun {

struct ReduceOptions {
  std::optional<KeyOption> key;
  std::optional<NamedExprs> to;
  std::optional<NameText> value;
  std::optional<ExprText> start;
  std::optional<ExprText> add;
  std::optional<ExprText> merge;
};

// Without a key all rows are one group, and no rows are none.
std::optional<BoundTransform> bind_reduce(const ReduceOptions& options, BindContext& context);

}  // namespace streamrun
