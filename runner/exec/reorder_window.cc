#include "runner/exec/reorder_window.h"

#include <cassert>

namespace streamrun {

bool ReorderWindow::wait_for_room(MorselIndex index) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return closed_ || index.value < next_ + slots_.size(); });
  return !closed_;
}

void ReorderWindow::complete(MorselIndex index, MorselOutcome&& outcome) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  std::optional<MorselOutcome>& slot = slots_[index.value % slots_.size()];
  assert(!slot && index.value >= next_ && index.value < next_ + slots_.size());
  slot = std::move(outcome);
  if (applying_) return;  // the thread that applies takes this one too
  applying_ = true;
  while (!closed_) {
    std::optional<MorselOutcome>& first = slots_[next_ % slots_.size()];
    if (!first) break;
    MorselOutcome ready = std::move(*first);
    first.reset();
    lock.unlock();
    const bool go_on = apply_(std::move(ready));
    lock.lock();
    ++next_;
    if (!go_on) closed_ = true;
    room_.notify_all();
  }
  applying_ = false;
}

void ReorderWindow::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  room_.notify_all();
}

bool ReorderWindow::closed() const {
  const std::scoped_lock lock(mutex_);
  return closed_;
}

}  // namespace streamrun
