#include "runner/operator/count_binding.h"

#include <utility>

#include "runner/operator/key_binding.h"
#include "runner/operator/keyed_aggregate.h"

namespace streamrun {

std::optional<BoundTransform> bind_count(const CountOptions& options, BindContext& context) {
  auto compiled =
      compile_aggregate(LocatedText("count(*)", context.place), context.scope(), Schema{}, 0, context.diagnostics);
  if (!compiled) return std::nullopt;
  KeyedAggregateSpec spec;
  spec.inputs = context.inputs[0]->size();
  spec.calls = std::move(compiled->calls);
  spec.finish.push_back(std::move(compiled->finish));
  spec.row_when_empty = true;
  BoundTransform bound;
  bound.output.columns.push_back({options.as, TypeKind::int64});
  bound.step = make_keyed_aggregate(std::move(spec));
  bound.partitions = 1;
  return bound;
}

std::optional<BoundTransform> bind_count_by_value(const CountByValueOptions& options, BindContext& context) {
  auto key = bind_columns(context, options.columns);
  if (!key) return std::nullopt;
  auto compiled =
      compile_aggregate(LocatedText("count(*)", context.place), context.scope(), key->schema, 0, context.diagnostics);
  if (!compiled) return std::nullopt;
  BoundTransform bound;
  bound.output = key->schema;
  if (!add_column(bound.output, {"count", TypeKind::int64}, context.place, context.diagnostics)) return std::nullopt;
  KeyedAggregateSpec spec;
  spec.inputs = context.inputs[0]->size();
  spec.keys = std::move(key->keys);
  spec.key_text = key->text;
  spec.calls = std::move(compiled->calls);
  spec.finish.push_back(std::move(compiled->finish));
  spec.partitions = context.partitions;
  bound.partitions = context.partitions;
  bound.detail = key->text;
  bound.step = make_keyed_aggregate(std::move(spec));
  return bound;
}

}  // namespace streamrun
