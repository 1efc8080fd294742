#include "operators/builtin_catalog.h"

namespace streamrun {
namespace {

struct TransformOptions {
  std::vector<StreamName> with;
};

std::vector<StreamName> streams(const TransformOptions& options) {
  return options.with;
}

}  // namespace

// Its steps stand in its place.
TransformDescriptor describe_transform_step() {
  TransformDescriptor made = describe_transform<TransformOptions>(
      "transform", "steps that belong together, over other streams too", "transform, transformWith", "a int",
      "transform: {steps: [{filter: a > 0}, {map: {twice: a * 2}}]}",
      Options<TransformOptions>{}
          .optional("with", &TransformOptions::with, "", "streams that the steps read")
          .section("steps", Shape::list_of(Shape::of_kind(Shape::Kind::step)), "what is done to the rows, in order",
                   true)
          .table(),
      nullptr, streams);
  made.holds_steps = true;
  return made;
}

}  // namespace streamrun
