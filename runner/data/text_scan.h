// Reading short texts by words and vectors. What is read may lie up to kPadding bytes behind a text where a
// function says nothing else; what is taken never does.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "runner/data/column.h"
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

// Calls f(position) for each byte of `text` that is `c`, in order, until f is false. Reads nothing behind the text.
template <class F>
void for_each_byte(std::string_view text, char c, F&& f) {
  const char* const data = text.data();
  const std::size_t size = text.size();
  std::size_t at = 0;
  const auto visit = [&](std::uint64_t mask, std::size_t base) {
    for (; mask != 0; mask &= mask - 1) {
      if (!f(base + static_cast<std::size_t>(std::countr_zero(mask)))) return false;
    }
    return true;
  };
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(c);
  const auto mask_of = [&](std::size_t from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + from));
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted))));
  };
  for (; size - at >= 64; at += 64) {
    const std::uint64_t mask = mask_of(at) | mask_of(at + 16) << 16 | mask_of(at + 32) << 32 | mask_of(at + 48) << 48;
    if (!visit(mask, at)) return;
  }
  for (; size - at >= 16; at += 16) {
    if (!visit(mask_of(at), at)) return;
  }
  if (at != size && size >= 16) {
    // The last vector overlaps what has been seen.
    static_cast<void>(visit(mask_of(size - 16) >> (16 - (size - at)), at));
    return;
  }
#endif
  for (; at != size; ++at) {
    if (data[at] == c && !f(at)) return;
  }
}

// How many bytes of `text` are `c`. Reads nothing behind the text.
inline std::size_t count_byte(std::string_view text, char c) {
  std::size_t count = 0;
  std::size_t at = 0;
#if defined(__SSE2__)
  if (text.size() >= 16) {
    // Hits are -1 in their byte, and a byte holds 255 of them.
    const __m128i wanted = _mm_set1_epi8(c);
    __m128i sums = _mm_setzero_si128();
    const auto hits_at = [&](std::size_t from) {
      return _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from)), wanted);
    };
    while (text.size() - at >= 16) {
      __m128i hits = _mm_setzero_si128();
      const std::size_t stop = at + std::min<std::size_t>((text.size() - at) / 16, 255) * 16;
      for (; at != stop; at += 16) hits = _mm_sub_epi8(hits, hits_at(at));
      sums = _mm_add_epi64(sums, _mm_sad_epu8(hits, _mm_setzero_si128()));
    }
    // The last vector overlaps what has been counted: only its end is taken.
    alignas(16) static constexpr unsigned char kEnd[32] = {0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
                                                           0,   0,   0,   0,   0,   255, 255, 255, 255, 255, 255,
                                                           255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    const __m128i mask = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kEnd + (text.size() - at)));
    const __m128i hits = _mm_sub_epi8(_mm_setzero_si128(), _mm_and_si128(mask, hits_at(text.size() - 16)));
    sums = _mm_add_epi64(sums, _mm_sad_epu8(hits, _mm_setzero_si128()));
    std::uint64_t halves[2];
    std::memcpy(halves, &sums, sizeof halves);
    return halves[0] + halves[1];
  }
#endif
  for (; at != text.size(); ++at) count += text[at] == c ? 1 : 0;
  return count;
}

// By size: which bits of a short text's first four bytes and of the eight behind them are its own.
struct InlineMasks {
  std::uint64_t head[StringRef::kInline + 1] = {};
  std::uint64_t tail[StringRef::kInline + 1] = {};
  constexpr InlineMasks() {
    for (std::uint32_t size = 0; size <= StringRef::kInline; ++size) {
      head[size] = size >= 4 ? 0xFFFF'FFFFU : (std::uint64_t{1} << (8 * size)) - 1;
      tail[size] = size <= 4 ? 0 : size == 12 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * (size - 4))) - 1;
    }
  }
};
inline constexpr InlineMasks kInlineMasks;

inline StringRef inline_ref(std::uint32_t head, std::uint64_t tail, std::uint32_t size) {
  const std::uint64_t words[2] = {(head & kInlineMasks.head[size]) << 32 | size, tail & kInlineMasks.tail[size]};
  StringRef made;
  std::memcpy(static_cast<void*>(&made), words, sizeof made);
  return made;
}

// A reference to bytes that stay, put together in registers; reads 12 bytes whatever the size.
inline StringRef string_ref(const char* data, std::uint32_t size) {
  if (size > StringRef::kInline) return {data, size};
  std::uint32_t head;
  std::memcpy(&head, data, sizeof head);
  return inline_ref(head, load_word(data + 4), size);
}

// The same within `whole`, outside of which nothing is read.
inline StringRef string_ref_within(std::string_view whole, const char* data, std::uint32_t size) {
  const char* const end = whole.data() + whole.size();
  const auto left = static_cast<std::size_t>(end - data);
  if (left >= StringRef::kInline) [[likely]]
    return string_ref(data, size);
  if (whole.size() < 16) return {data, size};
  // The last 16 bytes, without those before `data`.
  UInt128 last;
  std::memcpy(&last, end - 16, sizeof last);
  last = last >> (8 * (15 - left)) >> 8;
  return inline_ref(static_cast<std::uint32_t>(last), static_cast<std::uint64_t>(last >> 32), size);
}

// Digits at `p`, at most 18: their number; `value` is theirs. Eight at once: those that are none are shifted out, and
// pairs, fours and eights are added up in their places.
inline unsigned read_digits(const char* p, std::uint64_t& value) {
  constexpr std::uint64_t kZeros = 0x3030303030303030U;
  constexpr std::uint64_t kTens[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};
  std::uint64_t v = 0;
  unsigned n = 0;
  for (; n < 16; n += 8) {
    std::uint64_t digits = load_word(p + n) ^ kZeros;
    // The lowest top bit that is set is of the first byte over 9.
    const std::uint64_t others = ((digits + 0x7676767676767676U) | digits) & 0x8080808080808080U;
    const auto count = others == 0 ? 8U : static_cast<unsigned>(std::countr_zero(others)) / 8;
    if (count == 0) break;
    digits <<= 8 * (8 - count);
    digits = digits * 10 + (digits >> 8);
    const std::uint64_t eight = (((digits & 0x000000FF000000FFU) * 0x000F424000000064U) +
                                 (((digits >> 16) & 0x000000FF000000FFU) * 0x0000271000000001U)) >>
                                32;
    v = v * kTens[count] + eight;
    if (count != 8) {
      value = v;
      return n + count;
    }
  }
  for (; n >= 16 && n < 18; ++n) {
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
