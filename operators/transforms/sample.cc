#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/operator/projection.h"

namespace streamrun {
namespace {

struct SampleOptions {
  Located<double> fraction;
  std::optional<std::int64_t> seed;
};

std::optional<BoundTransform> bind(const SampleOptions& options, BindContext& context) {
  if (!(options.fraction.value >= 0 && options.fraction.value <= 1)) {
    context.diagnostics.error("out-of-range", options.fraction.span,
                              fmt::format("a fraction is from 0 to 1; found {}", options.fraction.value));
    return std::nullopt;
  }
  const std::string seed = options.seed ? std::to_string(*options.seed) : "";
  const std::string text = fmt::format("rand({}) < {}D", seed, options.fraction.value);
  auto predicate = compile_expression(LocatedText(text, context.place), context.scope(), context.diagnostics);
  if (!predicate) return std::nullopt;
  std::vector<Expression> outputs;
  pass_columns(context, 0, context.inputs[0]->size(), outputs);
  return bind_projection(context, *context.inputs[0], std::move(*predicate), std::move(outputs),
                         fmt::format("{}{}", options.fraction.value, options.seed ? ", seed " + seed : ""));
}

}  // namespace

TransformDescriptor describe_sample() {
  return describe_transform<SampleOptions>(
      "sample", "each row by chance, without replacement: the same ones whenever the batch is run",
      "sample, through transform", "a int", "sample: {fraction: 0.1}",
      Options<SampleOptions>{}
          .required("fraction", &SampleOptions::fraction, "the chance of each row, from 0 to 1")
          .optional("seed", &SampleOptions::seed, "",
                    "the same rows for the same seed; without one each sample has its own")
          .table(),
      bind);
}

}  // namespace streamrun
