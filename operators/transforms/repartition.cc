#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/key_binding.h"
#include "runner/operator/spool.h"

namespace streamrun {
namespace {

struct RepartitionOptions {
  std::uint32_t partitions = 0;
  std::optional<KeyOption> by;
};

std::optional<BoundTransform> bind(const RepartitionOptions& options, BindContext& context) {
  BoundTransform bound;
  Distribution distribution;
  distribution.partitions = options.partitions;
  bound.detail = fmt::format("into {}", options.partitions);
  if (options.by) {
    auto key = bind_key(context, *options.by);
    if (!key) return std::nullopt;
    bound.detail += fmt::format(" by {}", key->text);
    for (const Expression& column : key->keys) bound.can_fail = bound.can_fail || column.can_fail();
    distribution.keys = std::move(key->keys);
  }
  bound.output = *context.inputs[0];
  bound.partitions = options.partitions;
  bound.step = make_exchange(bound.output, std::move(distribution));
  return bound;
}

}  // namespace

TransformDescriptor describe_repartition() {
  return describe_transform<RepartitionOptions>(
      "repartition", "the same rows in another number of partitions", "repartition, partitionBy",
      "account string, amount double", "repartition: {partitions: 4, by: account}",
      Options<RepartitionOptions>{}
          .required("partitions", &RepartitionOptions::partitions, "how many", {1, 65536})
          .optional("by", &RepartitionOptions::by, "", "rows of one key go to one partition; without it each in turn")
          .table(),
      bind);
}

}  // namespace streamrun
