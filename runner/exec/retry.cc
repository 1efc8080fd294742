#include "runner/exec/retry.h"

namespace streamrun {

bool Retry::wait(const PlanOutput& output, const Error& failed) const {
  if (failed.kind != ErrorKind::transient) return false;
  warn_(failed.message + "; trying again in " + format_duration(output.backoff));
  return clock_.wait(output.backoff, abort_);
}

}  // namespace streamrun
