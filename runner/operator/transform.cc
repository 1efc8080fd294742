#include "runner/operator/transform.h"

namespace streamrun {

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
