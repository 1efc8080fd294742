#include "operators/builtin_catalog.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct FilterOptions {
  ExprText where;
};

std::optional<BoundTransform> bind(const FilterOptions& options, BindContext& context) {
  auto predicate = compile_expression_as(options.where.text, TypeKind::boolean, context.scope(), context.diagnostics);
  if (!predicate) {
    BoundTransform faulty;
    faulty.output = *context.inputs[0];
    return faulty;
  }
  std::vector<Expression> outputs;
  pass_columns(context, 0, context.inputs[0]->size(), outputs);
  return bind_projection(context, *context.inputs[0], std::move(*predicate), std::move(outputs),
                         options.where.text.value());
}

}  // namespace

TransformDescriptor describe_filter() {
  return describe_transform<FilterOptions>(
      "filter", "keeps the rows for which an expression is true", "filter", "amount double, account string",
      "filter: amount > 0", Options<FilterOptions>{}.whole(&FilterOptions::where, "a boolean expression").table(),
      bind);
}

}  // namespace streamrun
