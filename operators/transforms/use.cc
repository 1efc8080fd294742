#include "operators/builtin_catalog.h"

namespace streamrun {
namespace {

struct UseOptions {
  Identifier fragment;
};

}  // namespace

// Who binds the pipeline puts the fragment's steps in its place.
TransformDescriptor describe_use() {
  TransformDescriptor made = describe_transform<UseOptions>(
      "use", "the steps of one of the pipeline's `fragments`, in its place", "a function from DStream to DStream",
      "a int", "use: large", Options<UseOptions>{}.whole(&UseOptions::fragment, "the fragment's name").table(),
      nullptr);
  made.names_fragment = true;
  return made;
}

}  // namespace streamrun
