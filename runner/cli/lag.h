// What waits in the sources of a pipeline behind the places that its checkpoint knows.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "runner/operator/source.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

struct Lag {
  std::optional<RangeSize> size;
  std::string fault;  // why it is not known, if that is said
};

// By source, of those in `places`. Opens each and reads nothing; who does not answer within some seconds is passed by.
std::map<std::string, Lag> find_lags(const PhysicalPlan& plan, const std::map<std::string, std::string>& places);

}  // namespace streamrun
