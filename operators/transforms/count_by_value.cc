#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/keyed_aggregate.h"

namespace streamrun {
namespace {

struct CountByValueOptions {
  std::vector<NameText> columns;
};

std::optional<BoundTransform> bind(const CountByValueOptions& options, BindContext& context) {
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

}  // namespace

TransformDescriptor describe_count_by_value() {
  return describe_transform<CountByValueOptions>(
      "count_by_value", "each distinct value with the number of its rows", "countByValue", "word string, line bigint",
      "count_by_value: [word]",
      Options<CountByValueOptions>{}
          .optional("columns", &CountByValueOptions::columns, "all", "the columns that make a value")
          .whole(&CountByValueOptions::columns, "the columns that make a value")
          .table(),
      bind);
}

}  // namespace streamrun
