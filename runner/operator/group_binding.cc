#include "runner/operator/group_binding.h"

#include <fmt/format.h>

#include <utility>

#include "runner/operator/key_binding.h"
#include "runner/operator/keyed_aggregate.h"

namespace streamrun {

std::optional<BoundTransform> bind_group_by_key(const GroupByKeyOptions& options, BindContext& context) {
  auto key = bind_key(context, options.key);
  auto values = compile_expression(options.values.text, context.scope(), context.diagnostics);
  if (!key || !values) return std::nullopt;
  BoundTransform bound;
  bound.output = key->schema;
  const Span place = options.as.whole() == Span{} ? context.place : options.as.whole();
  const Type type = Type::array(values->type());
  if (!add_column(bound.output, {options.as.value(), type}, place, context.diagnostics)) return std::nullopt;
  bound.can_fail = values->can_fail();
  for (const Expression& column : key->keys) bound.can_fail = bound.can_fail || column.can_fail();
  bound.detail = fmt::format("by {}, {}: {}", key->text, options.as.value(), options.values.text.value());
  bound.partitions = context.partitions;
  KeyedAggregateSpec spec;
  spec.inputs = context.inputs[0]->size();
  spec.keys = std::move(key->keys);
  spec.key_text = key->text;
  spec.calls.push_back(gather_call(std::move(*values), Nulls::kept));
  spec.finish.push_back(
      column_expression(context.scope_of(bound.output), static_cast<std::uint32_t>(spec.keys.size()), {}));
  spec.partitions = context.partitions;
  bound.step = make_keyed_aggregate(std::move(spec));
  return bound;
}

}  // namespace streamrun
