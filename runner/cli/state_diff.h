// What another version of a pipeline would make of a checkpoint.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/exec/batch_log.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

// What becomes of a source, an output, another part of the pipeline (`r step 1 (filter)`), or the checkpoint as a whole
// (no name).
struct StateChange {
  enum class Verdict : std::uint8_t { keeps, begins, changes, loses, refused };
  Verdict verdict = Verdict::keeps;
  std::string_view what;
  std::string name;
  std::string why;
};

std::string_view verdict_name(StateChange::Verdict verdict);

// `former` wrote the log, or would go on from it; `next` is to take its place.
std::vector<StateChange> state_changes(const LogContent& log, const PhysicalPlan& former, const PhysicalPlan& next);

}  // namespace streamrun
