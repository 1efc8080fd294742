#include "runner/expr/value_set.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace streamrun {
namespace {

template <class T>
std::uint64_t hash_bytes(T value, std::uint64_t seed) {
  return XXH64(&value, sizeof value, seed);
}

// Two's complement, most significant byte first, in as few bytes as hold it.
std::uint64_t hash_wide(Int128 value, std::uint64_t seed) {
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8) {
    const auto byte = static_cast<unsigned char>(value >> shift);
    const bool filler = bytes.empty() && shift > 0 && byte == (value < 0 ? 0xFF : 0) &&
                        ((static_cast<unsigned char>(value >> (shift - 8)) & 0x80U) != 0) == (value < 0);
    if (!filler) bytes += static_cast<char>(byte);
  }
  return XXH64(bytes.data(), bytes.size(), seed);
}

constexpr std::size_t kFew = 8;

}  // namespace

std::uint64_t hash_value(const Column& column, std::uint32_t row, std::uint64_t seed) {
  const Type& type = column.type();
  if (type.kind() == TypeKind::null || column.is_null(row)) return seed;
  return with_storage(type.kind(), [&]<class T>() -> std::uint64_t {
    if constexpr (std::is_void_v<T>) {
      for (const ColumnPtr& field : column.children) seed = hash_value(*field, column.slot(row), seed);
      return seed;
    } else if constexpr (std::is_same_v<T, ListRef>) {
      const ListRef& list = column.value<ListRef>(row);
      for (std::uint32_t i = 0; i < list.length; ++i) seed = hash_value(*column.children[0], list.offset + i, seed);
      return seed;
    } else if constexpr (std::is_same_v<T, StringRef>) {
      const StringRef& text = column.value<StringRef>(row);
      return XXH64(text.data(), text.size(), seed);
    } else if constexpr (std::is_same_v<T, Int128>) {
      const Int128 value = column.value<Int128>(row);
      return type.precision() <= 18 ? hash_bytes(static_cast<std::int64_t>(value), seed) : hash_wide(value, seed);
    } else if constexpr (std::is_floating_point_v<T>) {
      const T value = column.value<T>(row);
      if (std::isnan(value)) return hash_bytes(std::numeric_limits<T>::quiet_NaN(), seed);
      return hash_bytes(value == 0 ? T{0} : value, seed);
    } else if constexpr (std::is_same_v<T, std::uint8_t>) {
      return hash_bytes(std::int32_t{column.value<T>(row)}, seed);
    } else {
      return hash_bytes(column.value<T>(row), seed);
    }
  });
}

std::size_t ValueSet::slot_of(const Column& column, std::uint32_t row, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && equal_values(*entry.column, entry.row, column, row)) break;
  }
  return slot;
}

void ValueSet::grow() {
  slots_.assign(std::max<std::size_t>(4 * kFew, 2 * slots_.size()), 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::size_t slot = entries_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

std::uint32_t ValueSet::find(const Column& column, std::uint32_t row) const {
  if (slots_.empty()) {
    for (const Entry& entry : entries_) {
      if (equal_values(*entry.column, entry.row, column, row)) return entry.row;
    }
    return kNotFound;
  }
  const std::uint32_t entry = slots_[slot_of(column, row, static_cast<std::uint32_t>(hash_value(column, row, 0)))];
  return entry == 0 ? kNotFound : entries_[entry - 1].row;
}

bool ValueSet::add(const Column& column, std::uint32_t row) {
  if (slots_.empty() && entries_.size() < kFew) {
    if (find(column, row) != kNotFound) return false;
    entries_.push_back({&column, row, 0});
    return true;
  }
  if (slots_.empty()) {
    for (Entry& entry : entries_) entry.hash = static_cast<std::uint32_t>(hash_value(*entry.column, entry.row, 0));
    grow();
  }
  const auto hash = static_cast<std::uint32_t>(hash_value(column, row, 0));
  const std::size_t slot = slot_of(column, row, hash);
  if (slots_[slot] != 0) return false;
  entries_.push_back({&column, row, hash});
  slots_[slot] = static_cast<std::uint32_t>(entries_.size());
  if (2 * entries_.size() > slots_.size()) grow();
  return true;
}

void ValueSet::clear() {
  entries_.clear();
  slots_.clear();
}

std::uint32_t ListFinder::find(const Column& values, const ListRef& list, const Column& wanted, std::uint32_t row) {
  const bool again = values_ == &values && list_.offset == list.offset && list_.length == list.length;
  if (again && list.length > kFew) {
    if (!filled_) {
      for (std::uint32_t i = 0; i < list.length; ++i) {
        if (!values.is_null(list.offset + i)) set_.add(values, list.offset + i);
      }
      filled_ = true;
    }
    const std::uint32_t at = wanted.is_null(row) ? kNotFound : set_.find(wanted, row);
    return at == kNotFound ? at : at - list.offset;
  }
  if (!again) {
    values_ = &values;
    list_ = list;
    filled_ = false;
    set_.clear();
  }
  for (std::uint32_t i = 0; i < list.length; ++i) {
    const std::uint32_t at = list.offset + i;
    if (!values.is_null(at) && equal_values(values, at, wanted, row)) return i;
  }
  return kNotFound;
}

}  // namespace streamrun
