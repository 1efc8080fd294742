#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/row_sorter.h"
#include "runner/operator/sort_binding.h"

namespace streamrun {
namespace {

struct TopOptions {
  std::uint64_t n = 0;
  std::vector<SortKey> by;
  std::optional<KeyOption> key;
};

std::optional<BoundTransform> bind(const TopOptions& options, BindContext& context) {
  auto keys = bind_sort_keys(context, options.by);
  std::optional<KeyBinding> group;
  if (options.key) group = bind_key(context, *options.key);
  if (!keys || (options.key && !group)) return std::nullopt;
  BoundTransform bound;
  bound.output = *context.inputs[0];
  bound.can_fail = keys->can_fail;
  bound.partitions = 1;
  bound.detail = fmt::format("{} by {}{}", options.n, keys->text, group ? ", of each " + group->text : "");
  SortSpec spec;
  spec.schema = bound.output;
  spec.limit = options.n;
  spec.text = "keep the top " + bound.detail;
  if (group) {
    spec.group = group->keys.size();
    spec.directions.resize(spec.group);
    for (Expression& key : group->keys) {
      bound.can_fail = bound.can_fail || key.can_fail();
      spec.keys.push_back(std::move(key));
    }
  }
  for (Expression& key : keys->keys) spec.keys.push_back(std::move(key));
  spec.directions.insert(spec.directions.end(), keys->directions.begin(), keys->directions.end());
  bound.step = make_sort(std::move(spec));
  return bound;
}

}  // namespace

TransformDescriptor describe_top() {
  return describe_transform<TopOptions>(
      "top", "the first rows of the batch in an order, of all or of each key", "top, through transform",
      "account string, amount double", "top: {n: 3, by: [amount desc], key: account}",
      Options<TopOptions>{}
          .required("n", &TopOptions::n, "how many", {0})
          .required("by", &TopOptions::by, "expressions, each with `asc` or `desc`, and `nulls first` or `nulls last`")
          .optional("key", &TopOptions::key, "", "a column, a list of columns, or `{name: expression}`: n rows of each")
          .table(),
      bind);
}

}  // namespace streamrun
