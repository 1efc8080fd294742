#include "operators/builtin_catalog.h"
#include "runner/operator/group_binding.h"
#include "runner/operator/window_binding.h"

namespace streamrun {
namespace {

struct GroupByKeyAndWindowOptions : GroupByKeyOptions, WindowOptions {};

std::optional<BoundTransform> bind(const GroupByKeyAndWindowOptions& options, BindContext& context) {
  return bind_window(options, context, bind_group_by_key(options, context));
}

}  // namespace

TransformDescriptor describe_group_by_key_and_window() {
  using All = GroupByKeyAndWindowOptions;
  return describe_transform<All>(
      "group_by_key_and_window", "the values that each key has in the last batches in an array, oldest first",
      "groupByKeyAndWindow", "account string, amount double",
      "group_by_key_and_window: {key: account, values: amount, as: amounts, window: 10s, slide: 5s}",
      windowed(Options<All>{}
                   .required("key", &All::key, "a column, a list of columns, or `{name: expression}`")
                   .required("values", &All::values, "an expression: what is gathered of each row")
                   .optional("as", &All::as, "values", "name of the array's column"))
          .table(),
      bind);
}

}  // namespace streamrun
