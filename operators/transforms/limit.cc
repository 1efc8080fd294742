#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/row_sorter.h"

namespace streamrun {
namespace {

struct LimitOptions {
  std::uint64_t n = 0;
};

std::optional<BoundTransform> bind(const LimitOptions& options, BindContext& context) {
  BoundTransform bound;
  bound.output = *context.inputs[0];
  bound.partitions = 1;
  bound.detail = fmt::format("{}", options.n);
  bound.step = make_sort({bound.output, {}, {}, 0, options.n, fmt::format("keep the first {}", options.n)});
  return bound;
}

}  // namespace

TransformDescriptor describe_limit() {
  return describe_transform<LimitOptions>("limit", "the first rows of the batch", "take, through transform", "a int",
                                          "limit: 10",
                                          Options<LimitOptions>{}
                                              .required("n", &LimitOptions::n, "how many", {0})
                                              .whole(&LimitOptions::n, "how many rows", {0})
                                              .table(),
                                          bind);
}

}  // namespace streamrun
