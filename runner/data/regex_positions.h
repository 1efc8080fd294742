// A pattern as its positions (Glushkov's automaton): one for each set of bytes in it, with what may follow.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace streamrun {

struct RegexPositions {
  using Bytes = std::bitset<256>;
  // On to a position; `marks` are noted before its byte: bit 2g where group g begins, bit 2g + 1 where it ends.
  struct Step {
    std::uint32_t position = 0;
    std::uint64_t marks = 0;
  };

  std::vector<Bytes> bytes;                // of each position
  std::vector<std::vector<Step>> follows;  // of each position, the one that is preferred first
  bool nullable = false;                   // the empty text matches,
  std::uint64_t empty = 0;                 // with these marks
  std::vector<Step> first;
  std::vector<Step> last;  // positions that may be the last one, and marks behind them
};

// Of a pattern that RE2 takes as well, written for it, which matches whole UTF-8 texts; `groups`: the numbers of those
// whose places are wanted, at most 32. Nothing: it has what is not known here (flags, assertions, classes of Unicode,
// lazy repetitions, repetitions of what may be empty).
std::optional<RegexPositions> read_positions(std::string_view pattern, std::span<const int> groups);

}  // namespace streamrun
