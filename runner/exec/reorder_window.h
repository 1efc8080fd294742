// Outcomes of morsels, put back into source order. Bounded in number and in bytes: while it is full nobody reads on.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "runner/base/strong_id.h"
#include "runner/exec/outcome.h"

namespace streamrun {

// What morsels and their columns may take. A morsel in work counts as kMorselWork bytes, a complete one as what it
// gave.
constexpr std::size_t kMorselMemory = std::size_t{64} << 20;
constexpr std::size_t kMorselWork = std::size_t{4} << 20;

// Thread-safe.
class ReorderWindow {
 public:
  // `apply` is called one at a time, in order of the index from 0 on, by whichever thread completes the next
  // one; after it has returned false nothing more is applied.
  ReorderWindow(std::size_t width, std::function<bool(MorselOutcome&&)> apply, std::size_t memory = kMorselMemory)
      : apply_(std::move(apply)), memory_(memory), slots_(width), work_(width) {}

  // Waits until morsel `index` may be read; false when the window is closed. The one that comes next in order always
  // may, whatever it takes.
  bool wait_for_room(MorselIndex index);
  // What morsel `index`, which was let in, takes while it is worked on, where that is more than kMorselWork.
  void weigh(MorselIndex index, std::size_t bytes);
  // `index` had room.
  void complete(MorselIndex index, MorselOutcome&& outcome);
  // Applies a part of what morsel `index` gives ahead of the rest: waits until all morsels before it are applied.
  // False: nothing more is.
  bool hand_over(MorselIndex index, MorselOutcome&& part);
  // Nothing more is applied, and nobody waits.
  void close();
  bool closed() const;

 private:
  bool has_room(std::uint64_t index) const;
  // With the lock, which is open meanwhile.
  void apply(MorselOutcome&& outcome, std::unique_lock<std::mutex>& lock);

  std::function<bool(MorselOutcome&&)> apply_;
  const std::size_t memory_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::vector<std::optional<MorselOutcome>> slots_;
  std::vector<std::size_t> work_;  // bytes of morsels in work, by slot
  std::uint64_t next_ = 0;
  std::uint64_t begun_ = 0;    // morsels that were let in
  std::size_t in_flight_ = 0;  // bytes of those in work, and of outcomes that are not applied
  bool applying_ = false;
  bool closed_ = false;
};

}  // namespace streamrun
