#include "operators/windows/windowed_reduce.h"

#include <utility>

#include "runner/operator/projection.h"

namespace streamrun {
namespace {

// A window is made of its rows, so that nothing need be taken back; yet what is written is checked.
bool check_inverse(const WindowedReduceOptions& options, const Schema& reduced, BindContext& context) {
  if (!options.inverse) return true;
  const LocatedText& text = options.inverse->text;
  if (!options.value || !options.merge) {
    context.diagnostics.error("conflicting-options", text.whole(), "`inverse` undoes `merge`, which is not given");
    return false;
  }
  const Type& type = reduced.at(*reduced.find(options.value->text.value())).type;
  const Schema pair{{{"a", type}, {"b", type}}, {}};
  return compile_expression_as(text, type, context.scope_of(pair), context.diagnostics).has_value();
}

std::optional<BoundTransform> bind_keep(const ExprText& keep, const Schema& reduced, const BindContext& context) {
  BindContext behind = context;
  behind.inputs = {&reduced};
  auto predicate = compile_expression_as(keep.text, TypeKind::boolean, behind.scope(), behind.diagnostics);
  if (!predicate) return std::nullopt;
  std::vector<Expression> outputs;
  pass_columns(behind, 0, reduced.size(), outputs);
  return bind_projection(behind, reduced, std::move(*predicate), std::move(outputs), "keep " + keep.text.value());
}

// The same over what it gives.
ReduceOptions of_results(const ReduceOptions& options) {
  ReduceOptions over{options.key, {}, options.value, {}, {}, options.merge};
  if (over.key) {
    for (KeyColumn& column : over.key->columns) column.expr.reset();
  }
  return over;
}

}  // namespace

Options<WindowedReduceOptions> windowed_reduce_options(Options<WindowedReduceOptions> options) {
  using All = WindowedReduceOptions;
  options.optional("to", &All::to, "", "`{name: expression over aggregates}`")
      .optional("value", &All::value, "", "the column that `merge` folds")
      .optional("merge", &All::merge, "", "two values `a` and `b` made into one")
      .optional("inverse", &All::inverse, "", "`b` taken out of `a` again, as in Spark; checked, and not needed")
      .optional("keep", &All::keep, "", "a boolean expression over the result: its rows that stay");
  return windowed(std::move(options));
}

std::optional<BoundTransform> bind_windowed_reduce(const WindowedReduceOptions& options, BindContext& context) {
  auto reduced = bind_reduce(options, context);
  if (!reduced || !check_inverse(options, reduced->output, context)) return std::nullopt;
  std::unique_ptr<BoundTransform> kept;
  if (options.keep) {
    auto bound = bind_keep(*options.keep, reduced->output, context);
    if (!bound) return std::nullopt;
    kept = std::make_unique<BoundTransform>(std::move(*bound));
  }
  if (options.to) {
    reduced->then = std::move(kept);
    return bind_window(options, context, std::move(reduced));
  }
  // What is folded by `merge` is folded once a batch, and the window is one of its results.
  BindContext behind = context;
  behind.inputs = {&reduced->output};
  auto window = bind_window(options, behind, bind_reduce(of_results(options), behind));
  if (!window) return std::nullopt;
  window->then->then = std::move(kept);
  reduced->then = std::make_unique<BoundTransform>(std::move(*window));
  return reduced;
}

}  // namespace streamrun
