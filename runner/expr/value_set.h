// Sets of values by Spark's equality: NaN equals itself, -0.0 equals 0.0, nulls are equal, nested values count in turn.
#pragma once

#include <cstdint>
#include <vector>

#include "runner/data/column.h"

namespace streamrun {

// xxhash64 as Spark chains it; equal values have equal hashes, a null leaves the seed as it is. Not of maps.
std::uint64_t hash_value(const Column& column, std::uint32_t row, std::uint64_t seed);

constexpr std::uint32_t kNotFound = 0xffffffffU;

// Rows of columns, which must stay alive; of equal values the first one.
class ValueSet {
 public:
  // Whether the value is new.
  bool add(const Column& column, std::uint32_t row);
  bool contains(const Column& column, std::uint32_t row) const { return find(column, row) != kNotFound; }
  // The row of the equal value, or kNotFound.
  std::uint32_t find(const Column& column, std::uint32_t row) const;
  void clear();

 private:
  struct Entry {
    const Column* column;
    std::uint32_t row;
    std::uint32_t hash;
  };
  // Where the value, or room for it, is.
  std::size_t slot_of(const Column& column, std::uint32_t row, std::uint32_t hash) const;
  void grow();

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // entry + 1, or 0; none while there are few entries
};

// Finds values in lists. A list that is asked for again, as one from outside of a lambda is for each element, gets a
// set.
class ListFinder {
 public:
  // The place within `list` of the value of `wanted` at `row`, nulls passed over; kNotFound: none.
  std::uint32_t find(const Column& values, const ListRef& list, const Column& wanted, std::uint32_t row);

 private:
  const Column* values_ = nullptr;
  ListRef list_;
  bool filled_ = false;
  ValueSet set_;
};

}  // namespace streamrun
