// What one morsel gave: applied in source order, whichever thread was done first.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner/base/strong_id.h"
#include "runner/operator/kernel.h"
#include "runner/operator/sink.h"

namespace streamrun {

// Where in its morsel a record stands: what decides which of two failing ones came first.
struct RecordOrder {
  std::uint32_t slice = 0;
  std::uint32_t record = 0;
  friend auto operator<=>(const RecordOrder&, const RecordOrder&) = default;
};

struct FailVerdict {
  RecordOrder order;
  std::string message;
  ErrorKind kind = ErrorKind::input;
};

// The first reject of its kind in a morsel that `on_error: drop` lets go.
struct DroppedKind {
  std::string kind;     // stage and message without the value
  std::string message;  // with the place
};

struct MorselOutcome {
  struct OutputRows {
    std::size_t output = 0;
    PartitionIndex partition;
    StagedRows rows;
  };

  // What it holds while it waits for its turn.
  std::size_t bytes() const {
    std::size_t total = 0;
    for (const OutputRows& one : rows) total += sizeof one + one.rows.bytes.capacity();
    for (const auto& [breaker, partial] : partials) total += partial->bytes();
    return total;
  }

  std::vector<OutputRows> rows;
  std::vector<std::pair<NodeId, std::unique_ptr<BreakerPartial>>> partials;
  std::optional<std::size_t> source;
  std::uint64_t records = 0;
  std::uint64_t rejected = 0;
  std::vector<std::pair<NodeId, std::uint64_t>> dropped;  // by node
  std::vector<DroppedKind> kinds;
  std::optional<FailVerdict> fail;
};

}  // namespace streamrun
