#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/distinct_rows.h"
#include "runner/operator/key_binding.h"

namespace streamrun {
namespace {

struct DistinctOptions {
  std::vector<NameText> columns;
};

std::optional<BoundTransform> bind(const DistinctOptions& options, BindContext& context) {
  KeyOption key;
  key.span = context.place;
  for (const NameText& name : options.columns) key.columns.push_back({name.text, std::nullopt});
  if (options.columns.empty()) {
    for (const Field& field : context.inputs[0]->columns) {
      key.columns.push_back({LocatedText(field.name, context.place), std::nullopt});
    }
  }
  auto bound_key = bind_key(context, key);
  if (!bound_key) return std::nullopt;
  BoundTransform bound;
  bound.output = *context.inputs[0];
  bound.partitions = 1;
  bound.detail = bound_key->text;
  bound.breaker = make_distinct(bound.output, std::move(bound_key->keys), bound_key->text);
  return bound;
}

}  // namespace

TransformDescriptor describe_distinct() {
  return describe_transform<DistinctOptions>(
      "distinct", "the first row of each value", "distinct, through transform", "word string, line bigint",
      "distinct: [word]",
      Options<DistinctOptions>{}
          .optional("by", &DistinctOptions::columns, "all", "the columns that make a value")
          .whole(&DistinctOptions::columns, "the columns that make a value; the whole first row of each stays")
          .table(),
      bind);
}

}  // namespace streamrun
