// What the windowed steps share: `window` and `slide`, and a window of the rows before the step without one.
#pragma once

#include <optional>

#include "runner/base/units.h"
#include "runner/operator/options.h"
#include "runner/operator/transform.h"

namespace streamrun {

struct WindowOptions {
  Located<Duration> window;
  std::optional<Located<Duration>> slide;
};

// Of a step's own options, those of its window too.
template <class S>
Options<S> windowed(Options<S> options) {
  options.required("window", &S::window, "how far back it looks: a multiple of the stream's slide")
      .optional("slide", &S::slide, "the stream's slide", "time from one window to the next, likewise");
  return options;
}

// The rows of the window; `over` them: the rest of the step, which is bound to the same columns, or nothing.
std::optional<BoundTransform> bind_window(const WindowOptions& options, const BindContext& context,
                                          std::optional<BoundTransform> over);
std::optional<BoundTransform> bind_window(const WindowOptions& options, const BindContext& context);

}  // namespace streamrun
