#include "runner/exec/retry.h"

namespace streamrun {

bool Retry::wait(const PlanOutput& output, const Error& failed) const {
  if (failed.kind == ErrorKind::fatal || failed.kind == ErrorKind::reader_gone) return false;
  warn_(failed.message + "; trying again in " + format_duration(output.backoff));
  return clock_.wait_until(BatchTime(clock_.now().value + output.backoff.count()), abort_);
}

}  // namespace streamrun
