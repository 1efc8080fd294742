#include "operators/builtin_catalog.h"

namespace streamrun {
namespace {

struct CacheOptions {};

}  // namespace

// Whatever several consumers read is computed once a batch: there is nothing to be done.
TransformDescriptor describe_cache() {
  return describe_transform<CacheOptions>("cache", "nothing: a stream that several read is computed once a batch",
                                          "cache, persist", "a int", "cache", Options<CacheOptions>{}.table(), nullptr);
}

}  // namespace streamrun
