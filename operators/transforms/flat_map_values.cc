#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/explode.h"
#include "runner/operator/key_binding.h"

namespace streamrun {
namespace {

struct FlatMapValuesOptions {
  KeyOption key;
  ExprText each;
  LocatedText as = LocatedText("value", {});
};

std::optional<BoundTransform> bind(const FlatMapValuesOptions& options, BindContext& context) {
  auto key = bind_key(context, options.key);
  auto each = compile_expression(options.each.text, context.scope(), context.diagnostics);
  if (each && each->type().kind() != TypeKind::array) {
    context.diagnostics.error("type-mismatch", options.each.text.whole(),
                              fmt::format("`each` is an array, not {}", each->type().name()));
    return std::nullopt;
  }
  if (!key || !each) return std::nullopt;
  BoundTransform bound;
  bound.output = key->schema;
  const Span place = options.as.whole() == Span{} ? context.place : options.as.whole();
  if (!add_column(bound.output, {options.as.value(), each->type().element()}, place, context.diagnostics)) {
    return std::nullopt;
  }
  bound.can_fail = each->can_fail();
  for (const Expression& column : key->keys) bound.can_fail = bound.can_fail || column.can_fail();
  bound.detail = fmt::format("by {}, {}: {}", key->text, options.as.value(), options.each.text.value());
  ExplodeSpec spec;
  spec.inputs = context.inputs[0]->size();
  spec.element_at = key->keys.size();
  spec.kept = std::move(key->keys);
  spec.each = std::move(*each);
  bound.step = make_explode(std::move(spec));
  return bound;
}

}  // namespace

TransformDescriptor describe_flat_map_values() {
  return describe_transform<FlatMapValuesOptions>(
      "flat_map_values", "a row for each element of an array, with the key", "flatMapValues",
      "account string, value string", "flat_map_values: {key: account, each: \"split(value, ' ')\", as: word}",
      Options<FlatMapValuesOptions>{}
          .required("key", &FlatMapValuesOptions::key, "a column, a list of columns, or `{name: expression}`")
          .required("each", &FlatMapValuesOptions::each, "an array; an empty or null one gives no row")
          .optional("as", &FlatMapValuesOptions::as, "value", "name of the element's column")
          .table(),
      bind);
}

}  // namespace streamrun
