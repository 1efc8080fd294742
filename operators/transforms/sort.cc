#include "operators/builtin_catalog.h"
#include "runner/operator/row_sorter.h"
#include "runner/operator/sort_binding.h"

namespace streamrun {
namespace {

struct SortOptions {
  std::vector<SortKey> by;
};

std::optional<BoundTransform> bind(const SortOptions& options, BindContext& context) {
  auto keys = bind_sort_keys(context, options.by);
  if (!keys) return std::nullopt;
  BoundTransform bound;
  bound.output = *context.inputs[0];
  bound.can_fail = keys->can_fail;
  bound.partitions = 1;
  bound.detail = "by " + keys->text;
  bound.step = make_sort(
      {bound.output, std::move(keys->keys), std::move(keys->directions), 0, std::nullopt, "sort by " + keys->text});
  return bound;
}

}  // namespace

TransformDescriptor describe_sort() {
  return describe_transform<SortOptions>(
      "sort", "the rows of the batch in order; equal ones stay as they came", "sortByKey, through transform",
      "account string, amount double", "sort: {by: [amount desc, account]}",
      Options<SortOptions>{}
          .required("by", &SortOptions::by, "expressions, each with `asc` or `desc`, and `nulls first` or `nulls last`")
          .whole(&SortOptions::by, "expressions, each with `asc` or `desc`, and `nulls first` or `nulls last`")
          .table(),
      bind);
}

}  // namespace streamrun
