#include "runner/operator/window_binding.h"

#include <fmt/format.h>

#include <utility>

#include "runner/operator/windowed_rows.h"

namespace streamrun {
namespace {

bool check_multiple(const Located<Duration>& option, std::string_view name, const BindContext& context) {
  const Duration slide = context.slide;
  if (option.value.count() % slide.count() == 0) return true;
  const Duration below = slide * (option.value / slide);
  context.diagnostics.error(
      "bad-window", option.span,
      fmt::format("{} {} is no multiple of {}, which is the time from one batch of {} to the next; write {}{}", name,
                  format_duration(option.value), format_duration(slide), context.owner,
                  below.count() == 0 ? "" : format_duration(below) + " or ", format_duration(below + slide)));
  return false;
}

}  // namespace

std::optional<BoundTransform> bind_window(const WindowOptions& options, const BindContext& context) {
  if (context.slide.count() == 0) {
    context.diagnostics.error("bad-window", context.place,
                              "a table has no batches, of which windows are made; do this in a stream");
    return std::nullopt;
  }
  bool good = check_multiple(options.window, "window", context);
  if (options.slide) good = check_multiple(*options.slide, "slide", context) && good;
  if (!good) return std::nullopt;
  const Duration slide = options.slide ? options.slide->value : context.slide;
  BoundTransform bound;
  bound.output = *context.inputs[0];
  bound.partitions = 0;
  bound.slide = slide;
  bound.keeps = options.window.value;
  bound.detail = fmt::format("{} by {}", format_duration(options.window.value), format_duration(slide));
  bound.step = make_window(bound.output, options.window.value, slide);
  return bound;
}

std::optional<BoundTransform> bind_window(const WindowOptions& options, const BindContext& context,
                                          std::optional<BoundTransform> over) {
  auto bound = bind_window(options, context);
  if (!bound || !over) return std::nullopt;
  bound->then = std::make_unique<BoundTransform>(std::move(*over));
  return bound;
}

}  // namespace streamrun
