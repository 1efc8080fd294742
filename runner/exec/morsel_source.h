// The drivers of a phase, cut into morsels and handed to threads in source order.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runner/exec/reorder_window.h"
#include "runner/operator/kernel.h"
#include "runner/operator/source.h"
#include "runner/plan/physical_plan.h"

namespace streamrun {

// A source's range or a breaker's result.
struct Driver {
  const PlanNode* node = nullptr;
  Source* source = nullptr;  // or
  BreakerRun* run = nullptr;
  SourceRange range;
  bool whole = false;  // a table: range after range, until it is exhausted
};

struct MorselTask {
  MorselIndex index;
  const Driver* driver = nullptr;
  Morsel morsel;            // of a source
  std::uint32_t chunk = 0;  // of a breaker
  std::uint64_t first_row = 0;
  bool small = false;          // less work than to wake another thread for
  std::optional<Error> error;  // reading failed; nothing comes behind it
};

// Thread-safe.
class MorselSource {
 public:
  MorselSource(std::vector<Driver> drivers, MorselIndex first, BatchTime batch, ReorderWindow& window)
      : drivers_(std::move(drivers)), next_(first), batch_(batch), window_(window) {}

  // False: nothing is left, or the pass has stopped.
  bool next(MorselTask& task);
  // The index behind the last morsel.
  MorselIndex end() const { return next_; }

 private:
  // False: the driver has no more.
  Result<bool> advance(Driver& driver, MorselTask& task);

  std::mutex mutex_;
  std::vector<Driver> drivers_;
  std::size_t at_ = 0;
  std::unique_ptr<RangeReader> reader_;
  std::uint32_t chunk_ = 0;
  std::uint64_t rows_ = 0;
  MorselIndex next_;
  BatchTime batch_;
  ReorderWindow& window_;
};

}  // namespace streamrun
