#include "runner/exec/reorder_window.h"

#include <cassert>
#include <utility>

namespace streamrun {

bool ReorderWindow::has_room(std::uint64_t index) const {
  if (index <= next_) return true;
  return index < next_ + slots_.size() && in_flight_ + kMorselWork <= memory_;
}

bool ReorderWindow::wait_for_room(MorselIndex index) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return closed_ || index.value < begun_ || has_room(index.value); });
  if (!closed_ && index.value >= begun_) {
    begun_ = index.value + 1;
    in_flight_ += work_[index.value % slots_.size()] = kMorselWork;
  }
  return !closed_;
}

void ReorderWindow::weigh(MorselIndex index, std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  std::size_t& work = work_[index.value % slots_.size()];
  if (bytes > work) in_flight_ += bytes - std::exchange(work, bytes);
}

void ReorderWindow::complete(MorselIndex index, MorselOutcome&& outcome) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  std::optional<MorselOutcome>& slot = slots_[index.value % slots_.size()];
  assert(!slot && index.value >= next_ && index.value < next_ + slots_.size());
  in_flight_ += outcome.bytes() - std::exchange(work_[index.value % slots_.size()], 0);
  slot = std::move(outcome);
  if (applying_) return;  // the thread that applies takes this one too
  applying_ = true;
  while (!closed_) {
    std::optional<MorselOutcome>& first = slots_[next_ % slots_.size()];
    if (!first) break;
    MorselOutcome ready = std::move(*first);
    first.reset();
    const std::size_t bytes = ready.bytes();
    apply(std::move(ready), lock);
    ++next_;
    in_flight_ -= bytes;
    room_.notify_all();
  }
  applying_ = false;
}

bool ReorderWindow::hand_over(MorselIndex index, MorselOutcome&& part) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return closed_ || (index.value == next_ && !applying_); });
  if (closed_) return false;
  applying_ = true;
  apply(std::move(part), lock);
  applying_ = false;
  if (closed_) room_.notify_all();
  return !closed_;
}

void ReorderWindow::apply(MorselOutcome&& outcome, std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  const bool go_on = apply_(std::move(outcome));
  lock.lock();
  if (!go_on) closed_ = true;
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
