#include "operators/builtin_catalog.h"
#include "runner/operator/keyed_aggregate.h"

namespace streamrun {
namespace {

struct CountOptions {
  std::string as = "count";
};

std::optional<BoundTransform> bind(const CountOptions& options, BindContext& context) {
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

}  // namespace

TransformDescriptor describe_count() {
  return describe_transform<CountOptions>(
      "count", "how many rows each batch has: one row, 0 when there are none", "count", "a int", "count: {as: n}",
      Options<CountOptions>{}.optional("as", &CountOptions::as, "count", "name of the column").table(), bind);
}

}  // namespace streamrun
