// What reduce_by_window and reduce_by_key_and_window share.
#pragma once

#include <optional>

#include "runner/operator/reduce_binding.h"
#include "runner/operator/window_binding.h"

namespace streamrun {

struct WindowedReduceOptions : ReduceOptions, WindowOptions {
  std::optional<ExprText> inverse;
  std::optional<ExprText> keep;
};

// The options that both have, behind those of their own.
Options<WindowedReduceOptions> windowed_reduce_options(Options<WindowedReduceOptions> options);
std::optional<BoundTransform> bind_windowed_reduce(const WindowedReduceOptions& options, BindContext& context);

}  // namespace streamrun
