// Reading short texts by words of eight bytes. What is read may lie up to kPadding bytes behind a text, never
// what is taken from it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "runner/data/column.h"

namespace streamrun {

static_assert(std::endian::native == std::endian::little, "texts are read as little-endian words");

inline std::uint64_t load_word(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// The top bit of every byte that is `c`, and no other bits.
inline std::uint64_t bytes_equal(std::uint64_t word, char c) {
  constexpr std::uint64_t kLow = 0x7F7F7F7F7F7F7F7FU;
  const std::uint64_t differ = word ^ (0x0101010101010101U * static_cast<unsigned char>(c));
  return ~(((differ & kLow) + kLow) | differ | kLow);
}

// A reference to bytes that stay, made without a branch on short lengths; reads 12 bytes whatever the size.
inline StringRef string_ref(const char* data, std::uint32_t size) {
  std::uint64_t first = load_word(data) & 0xFFFF'FFFFU;
  std::uint64_t second;
  if (size > StringRef::kInline) {
    const char* pointer = data;
    std::memcpy(&second, &pointer, sizeof second);
  } else {
    second = load_word(data + 4);
    if (size <= 4) {
      second = 0;
      if (size < 4) first &= (std::uint64_t{1} << (8 * size)) - 1;
    } else if (size < 12) {
      second &= (std::uint64_t{1} << (8 * (size - 4))) - 1;
    }
  }
  const std::uint64_t words[2] = {first << 32 | size, second};
  StringRef made;
  std::memcpy(static_cast<void*>(&made), words, sizeof made);
  return made;
}

// Digits at `p`, at most 18: their number; `value` is theirs.
inline unsigned read_digits(const char* p, std::uint64_t& value) {
  std::uint64_t v = 0;
  unsigned n = 0;
  for (; n < 16; n += 8) {  // eight at once, while all eight are digits
    const std::uint64_t word = load_word(p + n);
    if ((((word + 0x4646464646464646U) | (word - 0x3030303030303030U)) & 0x8080808080808080U) != 0) break;
    std::uint64_t eight = word - 0x3030303030303030U;
    eight = eight * 10 + (eight >> 8);
    eight = (((eight & 0x000000FF000000FFU) * 0x000F424000000064U) +
             (((eight >> 16) & 0x000000FF000000FFU) * 0x0000271000000001U)) >>
            32;
    v = v * 100'000'000 + eight;
  }
  for (; n < 18; ++n) {
    const auto digit = static_cast<unsigned char>(p[n] - '0');
    if (digit > 9) break;
    v = v * 10 + digit;
  }
  value = v;
  return n;
}

// The end of the run of records that begins with `first`, each right behind the line end of the one before, and
// that is no longer than `bytes` (but has one record at least).
inline std::uint32_t run_end(std::span<const std::string_view> records, std::uint32_t first, std::size_t bytes) {
  const auto line_end = [](char c) { return c == '\n' || c == '\r'; };
  const char* const begin = records[first].data();
  const char* end = begin + records[first].size();
  std::uint32_t i = first + 1;
  for (; i < records.size(); ++i) {
    const char* const next = records[i].data();
    if (next != end + 1 && next != end + 2) break;
    if (!line_end(*end) || !line_end(next[-1])) break;
    end = next + records[i].size();
    if (static_cast<std::size_t>(end - begin) > bytes) break;
  }
  return i;
}

}  // namespace streamrun
