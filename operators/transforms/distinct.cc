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
  auto key = bind_columns(context, options.columns);
  if (!key) return std::nullopt;
  std::vector<std::uint32_t> columns;
  for (const Expression& column : key->keys) columns.push_back(*column.column());
  BoundTransform bound;
  bound.output = *context.inputs[0];
  bound.partitions = 1;
  bound.detail = key->text;
  bound.step = make_distinct(bound.output, std::move(columns), key->text);
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
