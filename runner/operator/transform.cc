#include "runner/operator/transform.h"

namespace streamrun {

BoundTransform::BoundTransform() = default;
BoundTransform::BoundTransform(BoundTransform&& other) noexcept = default;
BoundTransform& BoundTransform::operator=(BoundTransform&& other) noexcept = default;
BoundTransform::~BoundTransform() = default;

TransformDescriptor::TransformDescriptor() = default;
TransformDescriptor::TransformDescriptor(const TransformDescriptor& other) = default;
TransformDescriptor::TransformDescriptor(TransformDescriptor&& other) noexcept = default;
TransformDescriptor& TransformDescriptor::operator=(const TransformDescriptor& other) = default;
TransformDescriptor& TransformDescriptor::operator=(TransformDescriptor&& other) noexcept = default;
TransformDescriptor::~TransformDescriptor() = default;

TransformDescriptor declare_transform(std::string_view name, std::string_view summary, std::string_view dstream,
                                      std::string_view example_schema, std::string_view example,
                                      const OptionTable& options) {
  TransformDescriptor made;
  made.name = name;
  made.summary = summary;
  made.dstream = dstream;
  made.example = example;
  made.example_schema = example_schema;
  made.options = options;
  return made;
}

Scope BindContext::scope_of(const Schema& schema) const {
  Scope made;
  made.inputs.push_back({"", &schema, false});
  made.params = params;
  made.owner = owner;
  made.seed = seed;
  made.param_used = param_used;
  return made;
}

}  // namespace streamrun
