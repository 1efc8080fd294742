// A side input, collected whole before the step that reads it: a join's build side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runner/operator/kernel.h"
#include "runner/operator/projection.h"

namespace streamrun {

struct CollectSpec {
  KeptColumns columns;
  std::string text;  // for `explain`
};

// All rows, in order.
class Collected {
 public:
  virtual ~Collected() = default;
  virtual std::uint32_t rows() const = 0;
  virtual const std::vector<ColumnPtr>& columns() const = 0;
  // In which they are counted; who makes more of them counts it there too.
  virtual const std::shared_ptr<MemoryAccount>& account() const = 0;
};

// The run is a Collected once it has finished.
std::unique_ptr<const Breaker> make_collect(CollectSpec spec);
const Collected& collected(const BreakerRun& run);

}  // namespace streamrun
