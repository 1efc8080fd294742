#include "runner/operator/transform.h"

namespace streamrun {

Scope BindContext::scope(std::size_t input) const {
  Scope made;
  made.inputs.push_back({"", inputs[input], false});
  made.params = params;
  made.owner = owner;
  made.param_used = param_used;
  return made;
}

}  // namespace streamrun
