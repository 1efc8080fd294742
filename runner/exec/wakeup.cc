#include "runner/exec/wakeup.h"

namespace streamrun {

void Wakeup::wake() {
  const std::scoped_lock lock(mutex_);
  woken_ = true;
  waiting_.request_stop();
}

void Wakeup::wait(std::optional<Duration> span) {
  std::stop_token stop;
  {
    const std::scoped_lock lock(mutex_);
    waiting_ = std::stop_source();
    if (woken_) waiting_.request_stop();
    stop = waiting_.get_token();
  }
  clock_.wait(span, stop);
  const std::scoped_lock lock(mutex_);
  woken_ = false;
}

}  // namespace streamrun
