// Outcomes of morsels, put back into source order. Bounded: while it is full nobody reads on.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "runner/base/strong_id.h"
#include "runner/exec/outcome.h"

namespace streamrun {

// Thread-safe.
class ReorderWindow {
 public:
  // `apply` is called one at a time, in order of the index from 0 on, by whichever thread completes the next
  // one; after it has returned false nothing more is applied.
  ReorderWindow(std::size_t width, std::function<bool(MorselOutcome&&)> apply)
      : apply_(std::move(apply)), slots_(width) {}

  // Waits until morsel `index` may be read; false when the window is closed.
  bool wait_for_room(MorselIndex index);
  // `index` had room.
  void complete(MorselIndex index, MorselOutcome&& outcome);
  // Nothing more is applied, and nobody waits.
  void close();
  bool closed() const;

 private:
  std::function<bool(MorselOutcome&&)> apply_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::vector<std::optional<MorselOutcome>> slots_;
  std::uint64_t next_ = 0;
  bool applying_ = false;
  bool closed_ = false;
};

}  // namespace streamrun
