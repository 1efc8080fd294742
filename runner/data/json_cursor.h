// One JSON record by its tokens: the checks of the grammar, and values of simple types read in place.
// Everything here may look up to kPadding bytes behind the record, and takes nothing from there.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "runner/data/cell.h"
#include "runner/data/column.h"
#include "runner/data/text_scan.h"
#include "runner/data/text_value.h"

namespace streamrun {

// Of values that are read; what nobody reads may be nested deeper.
constexpr int kJsonDepth = 100;

enum class JsonRead : std::uint8_t {
  ok,
  null,
  mismatch,  // a value of another type; the cursor is still at it, or within it
  broken,    // no JSON: `reason` says why
};

struct JsonCursor {
  const char* base = nullptr;
  const std::uint32_t* at = nullptr;    // the token at hand
  const std::uint32_t* stop = nullptr;  // behind the last token; *stop is the end of the text
  std::uint32_t end = 0;                // of the record
  bool plain = false;                   // there is no backslash anywhere near
  const char* reason = nullptr;

  bool done() const { return at >= stop || *at >= end; }
  const char* here() const { return base + *at; }
  char token() const { return done() ? '\0' : base[*at]; }
  JsonRead broken(const char* why) {
    reason = why;
    return JsonRead::broken;
  }

  // The scalar at hand without the blanks behind it. Only where a token follows or the text ends.
  std::string_view scalar() const {
    const char* begin = here();
    const char* last = base + (at + 1 < stop ? std::min(at[1], end) : end);
    if (last < begin) return {begin, 0};  // a record that lacks its end: the token is of the one behind it
    while (last > begin && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\r' || last[-1] == '\n')) --last;
    return {begin, static_cast<std::size_t>(last - begin)};
  }
  // What stands at hand, for messages.
  std::string_view shown() const;
  // What stands between the quotes of the string at hand, escapes and all; false if something is wrong.
  bool string(std::string_view& raw) const {
    const std::string_view quoted = scalar();
    if (quoted.size() < 2 || quoted.back() != '"') return false;
    raw = quoted.substr(1, quoted.size() - 2);
    return true;
  }
};

// Where a number, `true`, `false` or `null` may end.
inline constexpr std::array<bool, 256> kJsonTokenEnd = [] {
  std::array<bool, 256> ends{};
  for (const char c : {' ', '\t', '\r', '\n', ',', ']', '}', ':'}) ends[static_cast<unsigned char>(c)] = true;
  return ends;
}();
inline bool json_token_ends(char c) {
  return kJsonTokenEnd[static_cast<unsigned char>(c)];
}

// Whether `text` is a number as JSON writes it; `whole`: it has neither a fraction nor an exponent.
bool json_number(std::string_view text, bool& whole);
// The text of a string between its quotes, appended with its escapes resolved; else null is not returned, but
// the reason.
const char* json_unescape(std::string_view raw, std::string& out);

template <class Int>
JsonRead read_json_integer(JsonCursor& cursor, Int& out) {
  const char* p = cursor.here();
  const bool negative = *p == '-';
  p += negative ? 1 : 0;
  std::uint64_t value = 0;
  const unsigned digits = read_digits(p, value);
  if (digits == 0) return JsonRead::mismatch;
  if (digits < 18 && (digits == 1 || *p != '0') && json_token_ends(p[digits]) &&
      (sizeof(Int) == 8 || value <= 0x7FFF'FFFFU)) [[likely]] {
    out = static_cast<Int>(negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value));
    ++cursor.at;
    return JsonRead::ok;
  }
  const std::string_view text = cursor.scalar();
  bool whole = false;
  if (!json_number(text, whole)) return cursor.broken("a number is malformed");
  if (!whole) return JsonRead::mismatch;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) return JsonRead::mismatch;
  ++cursor.at;
  return JsonRead::ok;
}

template <class Float>
JsonRead read_json_float(JsonCursor& cursor, Float& out) {
  // Exact where the digits fit the mantissa and the power of ten is exact too.
  constexpr std::uint64_t kMantissa = std::uint64_t{1} << std::numeric_limits<Float>::digits;
  constexpr Float kTens[] = {1e0F, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F, 1e6F, 1e7F, 1e8F, 1e9F, 1e10F};
  const char* const begin = cursor.here();
  if (*begin == '"') {
    std::string_view text;
    if (!cursor.string(text)) return cursor.broken("a string is malformed");
    constexpr Float kInfinity = std::numeric_limits<Float>::infinity();
    if (text == "NaN")
      out = std::numeric_limits<Float>::quiet_NaN();
    else if (text == "Infinity" || text == "+Infinity")
      out = kInfinity;
    else if (text == "-Infinity")
      out = -kInfinity;
    else
      return JsonRead::mismatch;
    ++cursor.at;
    return JsonRead::ok;
  }
  const char* p = begin;
  const bool negative = *p == '-';
  p += negative ? 1 : 0;
  std::uint64_t value = 0;
  const unsigned digits = read_digits(p, value);
  if (digits == 0) return JsonRead::mismatch;
  if (digits == 1 || *p != '0') {
    p += digits;
    unsigned places = 0;
    bool good = digits < 9;
    if (*p == '.') {
      std::uint64_t fraction = 0;
      constexpr std::uint64_t kShift[] = {1,         10,         100,         1000,          10'000,        100'000,
                                          1'000'000, 10'000'000, 100'000'000, 1'000'000'000, 10'000'000'000};
      places = read_digits(p + 1, fraction);
      p += places + 1;
      good = good && places > 0 && places <= 10;
      if (good) value = value * kShift[places] + fraction;
    } else {
      good = digits < 16;
    }
    if (good && value <= kMantissa && json_token_ends(*p)) [[likely]] {
      const Float size = static_cast<Float>(value) / kTens[places];
      out = negative ? -size : size;
      ++cursor.at;
      return JsonRead::ok;
    }
  }
  const std::string_view text = cursor.scalar();
  bool whole = false;
  if (!json_number(text, whole)) return cursor.broken("a number is malformed");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) {
    // Too small is zero, as everywhere; too large is no number of this type.
    double wide = 0;
    const auto wider = std::from_chars(text.data(), text.data() + text.size(), wide);
    const bool tiny = wider.ec == std::errc{}
                          ? wide < 1 && wide > -1
                          : text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    if (!tiny) return JsonRead::mismatch;
    out = *begin == '-' ? -Float{0} : Float{0};
  }
  ++cursor.at;
  return JsonRead::ok;
}

// What values are read with: the patterns of times, and room for texts that do not stand in the record as such.
struct JsonContext {
  CompiledTime time;
  std::string spare;
  int depth = 0;
  // Fields of the objects that are open in the variant at hand: where they stand in its text.
  struct VariantField {
    std::size_t begin = 0;
    std::size_t name_bytes = 0;  // quotes included
    std::size_t end = 0;
  };
  std::vector<VariantField> variant_fields;
};

// The value at hand, of a simple type or a variant, into its storage. The arena is the column's.
JsonRead read_json_rare(const Type& type, JsonCursor& cursor, JsonContext& context, StringArena& arena, std::byte* out);
JsonRead read_json_escaped(std::string_view raw, JsonCursor& cursor, JsonContext& context, StringArena& arena,
                           StringRef& out);

inline JsonRead read_json_string(JsonCursor& cursor, JsonContext& context, StringArena& arena, StringRef& out) {
  const char* begin = cursor.here();
  if (*begin != '"') return JsonRead::mismatch;
  // The last byte before the next token is the closing quote, but for blanks.
  const char* last = cursor.base + cursor.at[1] - 1;
  if (*last != '"') [[unlikely]] {
    while (last > begin && (*last == ' ' || *last == '\t' || *last == '\r' || *last == '\n')) --last;
    if (*last != '"') return cursor.broken("a string is malformed");
  }
  if (last <= begin) return cursor.broken("a string is malformed");
  const std::string_view raw(begin + 1, static_cast<std::size_t>(last - begin - 1));
  if (!cursor.plain && std::memchr(raw.data(), '\\', raw.size()) != nullptr) [[unlikely]] {
    return read_json_escaped(raw, cursor, context, arena, out);
  }
  out = string_ref(raw.data(), static_cast<std::uint32_t>(raw.size()));
  ++cursor.at;
  return JsonRead::ok;
}

// `null` at hand, and nothing else.
inline bool json_null(const JsonCursor& cursor) {
  return std::memcmp(cursor.here(), "null", 4) == 0 && (json_token_ends(cursor.here()[4]));
}

inline JsonRead read_json_simple(const Type& type, JsonCursor& cursor, JsonContext& context, StringArena& arena,
                                 std::byte* out) {
  JsonRead read = JsonRead::mismatch;
  switch (type.kind()) {
    case TypeKind::int64: read = read_json_integer(cursor, *reinterpret_cast<std::int64_t*>(out)); break;
    case TypeKind::string: read = read_json_string(cursor, context, arena, *reinterpret_cast<StringRef*>(out)); break;
    case TypeKind::float64: read = read_json_float(cursor, *reinterpret_cast<double*>(out)); break;
    case TypeKind::int32: read = read_json_integer(cursor, *reinterpret_cast<std::int32_t*>(out)); break;
    case TypeKind::float32: read = read_json_float(cursor, *reinterpret_cast<float*>(out)); break;
    default: read = read_json_rare(type, cursor, context, arena, out); break;
  }
  if (read == JsonRead::mismatch && json_null(cursor)) {
    ++cursor.at;
    return JsonRead::null;
  }
  return read;
}

// Passes the value at hand; only its structure is looked at. False: `reason` is set.
bool skip_json_container(JsonCursor& cursor);
inline constexpr std::array<bool, 256> kJsonScalarStart = [] {
  std::array<bool, 256> starts{};
  for (const char c : std::string_view("\"-0123456789tfn")) starts[static_cast<unsigned char>(c)] = true;
  return starts;
}();
inline bool json_scalar_starts(char c) {
  return kJsonScalarStart[static_cast<unsigned char>(c)];
}
inline bool skip_json(JsonCursor& cursor) {
  const char c = *cursor.here();
  if (json_scalar_starts(c)) [[likely]] {
    ++cursor.at;
    return true;
  }
  return skip_json_container(cursor);
}

// The key at hand and the colon behind it; the cursor is at the value then.
bool read_json_key(JsonCursor& cursor, std::string& spare, std::string_view& key);

}  // namespace streamrun
