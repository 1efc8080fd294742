// Values as text into room that was made before: what the encoders of JSON and CSV share.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/data/cell.h"
#include "runner/data/column.h"
#include "runner/data/selection.h"
#include "runner/data/text_scan.h"
#include "runner/data/text_value.h"

namespace streamrun {

// Room for any value of a simple type but texts.
constexpr std::size_t kSimpleBytes = 40;
// Writers may put this much behind what they return.
constexpr std::size_t kSlack = 16;

// Finite ones, as Java and so Spark write them: the shortest digits that read back the same, but two where the least
// numbers have only one; `2000.0`, `1.0E10`.
char* write_double(double value, char* out);
char* write_float(float value, char* out);
char* write_date(std::int32_t days, char* out);
char* write_timestamp(std::int64_t micros, char* out);  // ISO, with T and Z
char* write_json_escape(char c, char* out);             // at most 6 bytes
// What is behind the opening quote of a text that is no UTF-8.
char* write_json_repaired(std::string_view text, char* out);

inline char* write_integer(std::int64_t value, char* out) {
  return std::to_chars(out, out + 20, value).ptr;
}
inline char* write_text(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

// The top bit of a byte that has to be escaped; exact for the lowest such byte, which is enough to tell whether
// there is any.
inline std::uint64_t json_specials(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  const std::uint64_t quote = word ^ (kOnes * '"');
  const std::uint64_t slash = word ^ (kOnes * '\\');
  return (((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash)) & (kOnes * 0x80);
}

// Quoted, bad UTF-8 as U+FFFD; room for 6 bytes a byte and two quotes. Reads nothing behind the text.
inline char* write_json_string(std::string_view text, char* out) {
  *out++ = '"';
  char* const begin = out;
  const char* p = text.data();
  const char* const end = p + text.size();
  std::uint64_t seen = 0;  // its top bits: whether all is ASCII
  const auto slowly = [&](const char* until) {
    for (; p < until; ++p) {
      const auto c = static_cast<unsigned char>(*p);
      seen |= c;
      if (c < 0x20 || c == '"' || c == '\\') [[unlikely]] {
        out = write_json_escape(*p, out);
      } else {
        *out++ = *p;
      }
    }
  };
  while (end - p >= 8) {
    const std::uint64_t word = load_word(p);
    seen |= word;
    if (json_specials(word) != 0) [[unlikely]] {
      slowly(p + 8);
    } else {
      std::memcpy(out, &word, 8);
      p += 8;
      out += 8;
    }
  }
  if (p < end && text.size() >= 8) {
    // The last word overlaps what is written; if it is clean, it is written as it stands.
    const std::uint64_t word = load_word(end - 8);
    const auto left = static_cast<std::size_t>(end - p);
    seen |= word;
    if (json_specials(word) == 0) {
      const std::uint64_t rest = word >> (8 * (8 - left));
      std::memcpy(out, &rest, 8);
      out += left;
      p = end;
    }
  }
  slowly(end);
  if ((seen & 0x8080808080808080U) != 0 && !is_utf8(text)) [[unlikely]]
    return write_json_repaired(text, begin);
  *out++ = '"';
  return out;
}

// One column of the rows at hand, made ready: texts of values that have no quick writer, and how much room a
// value may take.
struct ColumnCursor {
  const Column* column = nullptr;
  bool rare = false;  // values are in `texts`
  std::string texts;  // of this chunk's rows, one behind the other
  std::vector<std::uint32_t> ends;
};

// Rows are written in chunks, so that room for a chunk is made at once and the waste stays small.
constexpr std::uint32_t kChunkRows = 256;

// Calls `bound(begin, end)` and then `write(begin, end, p)` for chunks of the selection's positions; `bound` says
// how much room `write` may need, and `write` gives back where it ended.
template <class Bound, class Write>
void write_chunks(std::uint32_t count, std::string& out, Bound&& bound, Write&& write) {
  for (std::uint32_t begin = 0; begin < count; begin += kChunkRows) {
    const std::uint32_t end = std::min(count, begin + kChunkRows);
    const std::size_t old = out.size();
    const std::size_t room = old + bound(begin, end) + kSlack;
    if (out.capacity() < room) out.reserve(std::max(room, 2 * out.capacity()));
    out.resize_and_overwrite(
        room, [&](char* data, std::size_t) { return static_cast<std::size_t>(write(begin, end, data + old) - data); });
  }
}

}  // namespace streamrun
