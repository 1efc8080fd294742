// Numbers of different meaning have different types, so that none can stand for another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace streamrun {

template <class Tag, class Number>
struct StrongId {
  Number value{};
  constexpr StrongId() = default;
  constexpr explicit StrongId(Number number) : value(number) {}
  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
};

using PartitionIndex = StrongId<struct PartitionTag, std::uint32_t>;
// The place of a morsel in its pass: 0, 1, 2… in source order. Ordered merges go by it.
using MorselIndex = StrongId<struct MorselTag, std::uint64_t>;
using NodeId = StrongId<struct NodeTag, std::uint32_t>;
using SourceId = StrongId<struct SourceTag, std::uint32_t>;
using OutputId = StrongId<struct OutputTag, std::uint32_t>;

// The end of a batch's interval, in milliseconds since 1970-01-01 UTC. It names the batch.
using BatchTime = StrongId<struct BatchTimeTag, std::int64_t>;

}  // namespace streamrun

template <class Tag, class Number>
struct std::hash<streamrun::StrongId<Tag, Number>> {
  std::size_t operator()(const streamrun::StrongId<Tag, Number>& id) const noexcept {
    return std::hash<Number>{}(id.value);
  }
};
