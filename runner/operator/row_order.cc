#include "runner/operator/row_order.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace streamrun {
namespace {

constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
constexpr unsigned kBits = 128;

// The beginning of a key: so many bits, the first of them highest. Those behind are 0.
struct KeyBits {
  UInt128 bits = 0;
  unsigned count = 0;
  bool whole = false;  // equal bits are equal keys
};

// A zero byte ends the text, so that what follows it may be told apart by the next key; bytes 0 and 1 of its own have a
// 1 before them.
KeyBits text_bits(const StringRef& text) {
  constexpr std::size_t kBytes = kBits / 8;
  unsigned char bytes[kBytes] = {};
  std::size_t used = 0;
  std::size_t taken = 0;
  for (const std::string_view view = text.view(); taken != view.size() && used != kBytes; ++taken) {
    const auto byte = static_cast<unsigned char>(view[taken]);
    if (byte < 2) bytes[used++] = 1;
    if (used != kBytes) bytes[used++] = byte;
  }
  UInt128 bits = 0;
  for (const unsigned char byte : bytes) bits = bits << 8 | byte;
  if (taken != text.size() || used == kBytes) return {bits, kBits, false};
  return {bits, static_cast<unsigned>(8 * (used + 1)), true};
}

std::uint64_t number_bits(double value) {
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);  // -0.0 is 0.0
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

// In the order of the values.
template <class T>
KeyBits value_bits(const T& value) {
  const auto high = [](std::uint64_t bits) { return static_cast<UInt128>(bits) << 64; };
  if constexpr (std::is_same_v<T, StringRef>) {
    return text_bits(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    return {high(number_bits(static_cast<double>(value))), 64, true};
  } else if constexpr (std::is_same_v<T, Int128>) {
    return {static_cast<UInt128>(value) ^ high(kSign), kBits, true};
  } else if constexpr (std::is_integral_v<T>) {
    return {high(static_cast<std::uint64_t>(static_cast<std::int64_t>(value)) ^ kSign), 64, true};
  } else {
    return {};
  }
}

// Of a value that is not null; a bit before it sets nulls apart.
template <class T>
KeyBits key_bits(const Column& key, const Direction& direction, std::uint32_t row) {
  KeyBits found;
  if constexpr (!std::is_void_v<T>) found = value_bits(key.value<T>(row));
  if (direction.descending && found.count != 0) found.bits = ~found.bits & (~UInt128{0} << (kBits - found.count));
  found.whole = found.whole && found.count < kBits;
  found.count = std::min(found.count + 1, kBits);
  found.bits = found.bits >> 1 | (direction.nulls_last ? UInt128{0} : UInt128{1} << (kBits - 1));
  return found;
}

struct PrefixBits {
  UInt128 bits = 0;
  unsigned taken = 0;

  void add(const KeyBits& key) {
    bits |= key.bits >> taken;
    taken = key.whole ? taken + key.count : kBits;
  }
};

// False: no row has room for more.
template <class T>
bool add_key(const Column& key, const Direction& direction, std::span<PrefixBits> rows) {
  const KeyBits null{direction.nulls_last ? UInt128{1} << (kBits - 1) : 0, 1, true};
  bool room = false;
  for (std::uint32_t row = 0; row < rows.size(); ++row) {
    if (rows[row].taken >= kBits) continue;
    rows[row].add(key.is_null(row) ? null : key_bits<T>(key, direction, row));
    room = room || rows[row].taken < kBits;
  }
  return room;
}

}  // namespace

std::vector<RowOrder::Prefix> RowOrder::prefixes(std::span<const ColumnPtr> keys, std::uint32_t count) const {
  std::vector<PrefixBits> rows(count);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Column& key = *keys[i];
    const bool room = with_storage(key.type().kind(), [&]<class T>() { return add_key<T>(key, directions_[i], rows); });
    if (!room) break;
  }
  std::vector<Prefix> made(count);
  for (std::uint32_t row = 0; row < count; ++row) {
    made[row] = {static_cast<std::uint64_t>(rows[row].bits >> 64), static_cast<std::uint64_t>(rows[row].bits)};
  }
  return made;
}

int RowOrder::compare(std::span<const ColumnPtr> a, std::uint32_t row_a, std::span<const ColumnPtr> b,
                      std::uint32_t row_b, std::size_t count) const {
  for (std::size_t i = 0; i < count; ++i) {
    const bool null_a = a[i]->is_null(row_a);
    const bool null_b = b[i]->is_null(row_b);
    if (null_a && null_b) continue;
    if (null_a || null_b) return null_a == directions_[i].nulls_last ? 1 : -1;
    const int one = compare_values(*a[i], row_a, *b[i], row_b);
    if (one != 0) return directions_[i].descending ? -one : one;
  }
  return 0;
}

std::vector<OrderedRow> sorted_rows(const RowOrder& order, std::span<const ColumnPtr> keys, std::uint32_t count) {
  const std::vector<RowOrder::Prefix> prefixes = order.prefixes(keys, count);
  std::vector<OrderedRow> rows(count);
  for (std::uint32_t row = 0; row < count; ++row) rows[row] = {prefixes[row], row};
  if (order.keys() == 0) return rows;
  std::sort(rows.begin(), rows.end(), [&](const OrderedRow& a, const OrderedRow& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int compared = order.compare(keys, a.row, keys, b.row, order.keys());
    return compared != 0 ? compared < 0 : a.row < b.row;
  });
  return rows;
}

}  // namespace streamrun
