#include "operators/builtin_catalog.h"
#include "runner/operator/group_binding.h"

namespace streamrun {

TransformDescriptor describe_group_by_key() {
  return describe_transform<GroupByKeyOptions>(
      "group_by_key", "the values of each key in an array, in their order, nulls among them", "groupByKey",
      "account string, amount double", "group_by_key: {key: account, values: amount, as: amounts}",
      Options<GroupByKeyOptions>{}
          .required("key", &GroupByKeyOptions::key, "a column, a list of columns, or `{name: expression}`")
          .required("values", &GroupByKeyOptions::values, "an expression: what is gathered of each row")
          .optional("as", &GroupByKeyOptions::as, "values", "name of the array's column")
          .table(),
      bind_group_by_key);
}

}  // namespace streamrun
