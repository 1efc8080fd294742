#include "runner/data/text_value.h"

#include <fast_float/fast_float.h>
#include <fmt/compile.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "runner/base/shown_text.h"
#include "runner/data/row_writer.h"

namespace streamrun {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, {}, lower);
}

template <class Integer>
bool parse_integer(std::string_view text, Integer& out) {
  text = trim_blanks(text);
  if (text.size() > 1 && text[0] == '+' && is_digit(text[1])) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, out);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

template <class Real>
bool parse_real(std::string_view text, Real& out) {
  text = trim_blanks(text);
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty()) return false;
  if (!is_digit(text[0]) && text[0] != '.') {
    if (equals_ignoring_case(text, "nan")) {
      out = std::numeric_limits<Real>::quiet_NaN();
      return true;
    }
    if (!equals_ignoring_case(text, "inf") && !equals_ignoring_case(text, "infinity")) return false;
    out = negative ? -std::numeric_limits<Real>::infinity() : std::numeric_limits<Real>::infinity();
    return true;
  }
  // Java's suffixes.
  if (const char last = lower(text.back()); last == 'd' || last == 'f') text.remove_suffix(1);
  const char* end = text.data() + text.size();
  const auto parsed = fast_float::from_chars(text.data(), end, out);
  // Too large is infinity and too small zero, as in Java; fast_float has set them.
  if (parsed.ptr != end || parsed.ec == std::errc::invalid_argument) return false;
  if (negative) out = -out;
  return true;
}

constexpr auto kPowersOfTen = [] {
  std::array<Int128, 39> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

template <class Real>
void append_java(Real value, std::string& out) {
  if (std::isfinite(value)) {
    std::array<char, kSimpleBytes + kSlack> buffer;
    if constexpr (sizeof(Real) == 8) {
      out.append(buffer.data(), write_double(value, buffer.data()));
    } else {
      out.append(buffer.data(), write_float(value, buffer.data()));
    }
  } else {
    out += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  }
}

// Spark's ANSI text: the first field counts all that is in it, the others have two digits.
void append_interval(const Type& type, std::int64_t value, std::string& out) {
  struct Unit {
    std::uint64_t size;
    std::string_view separator;  // before it, where it is not the first
  };
  constexpr std::array<Unit, 6> kUnits = {
      {{12, ""}, {1, "-"}, {86'400'000'000, ""}, {3'600'000'000, " "}, {60'000'000, ":"}, {1'000'000, ":"}}};
  std::uint64_t rest = value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  out += value < 0 ? "INTERVAL '-" : "INTERVAL '";
  const auto first = static_cast<std::size_t>(type.first_unit());
  const auto last = static_cast<std::size_t>(type.last_unit());
  for (std::size_t i = first; i <= last; ++i) {
    if (i != first) out += kUnits[i].separator;
    const int width = i > static_cast<std::size_t>(IntervalUnit::day) ? 2 : 1;
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{:0{}}"), rest / kUnits[i].size, width);
    rest %= kUnits[i].size;
  }
  if (type.last_unit() == IntervalUnit::second && rest != 0) {
    int width = 6;
    for (; rest % 10 == 0; rest /= 10) --width;
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(".{:0{}}"), rest, width);
  }
  out.append("' ").append(interval_fields(type));
}

// A variant's text: a string without its quotes, everything else as JSON.
void append_variant(std::string_view json, std::string& out) {
  if (json.empty() || json[0] != '"') {
    out += json;
    return;
  }
  if (json.find('\\') == std::string_view::npos) {
    out += json.substr(1, json.size() - 2);
    return;
  }
  simdjson::dom::parser parser;
  std::string_view text;
  if (parser.parse(json.data(), json.size()).get(text) == simdjson::SUCCESS) out += text;
}

}  // namespace

std::string_view trim_blanks(std::string_view text) {
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool parse_boolean(std::string_view text, bool& out) {
  text = trim_blanks(text);
  for (const std::string_view yes : {"true", "t", "yes", "y", "1"}) {
    if (equals_ignoring_case(text, yes)) {
      out = true;
      return true;
    }
  }
  for (const std::string_view no : {"false", "f", "no", "n", "0"}) {
    if (equals_ignoring_case(text, no)) {
      out = false;
      return true;
    }
  }
  return false;
}

bool parse_int(std::string_view text, std::int32_t& out) {
  return parse_integer(text, out);
}
bool parse_bigint(std::string_view text, std::int64_t& out) {
  return parse_integer(text, out);
}
bool parse_float(std::string_view text, float& out) {
  return parse_real(text, out);
}
bool parse_double(std::string_view text, double& out) {
  return parse_real(text, out);
}

DecimalParse parse_decimal(std::string_view text, int precision, int scale, Int128& out) {
  text = trim_blanks(text);
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);

  // [0, mark) are the digits, with a point at `point`; what follows is an exponent.
  std::size_t mark = 0;
  std::size_t point = std::string_view::npos;
  bool digits = false;
  for (; mark < text.size(); ++mark) {
    if (is_digit(text[mark])) {
      digits = true;
    } else if (text[mark] == '.' && point == std::string_view::npos) {
      point = mark;
    } else {
      break;
    }
  }
  if (!digits) return DecimalParse::malformed;
  std::int32_t exponent = 0;
  if (mark < text.size()) {
    if (text[mark] != 'e' && text[mark] != 'E') return DecimalParse::malformed;
    if (!parse_int(text.substr(mark + 1), exponent) || !is_digit(text.back())) return DecimalParse::malformed;
    if (static_cast<unsigned char>(text[mark + 1]) <= 0x20) return DecimalParse::malformed;
  }
  if (point == std::string_view::npos) point = mark;

  // How many of the digits, counted from the first that is not zero, stand before the new scale's end.
  std::int64_t kept = static_cast<std::int64_t>(point) + exponent + scale;
  Int128 value = 0;
  std::int64_t taken = 0;  // digits passed, leading zeros included
  bool round_up = false;
  for (std::size_t i = 0; i < mark && taken <= kept; ++i) {
    if (text[i] == '.') continue;
    const int digit = text[i] - '0';
    if (taken == kept) {
      round_up = digit >= 5;
    } else {
      if (value >= kPowersOfTen[37]) return DecimalParse::overflow;  // more digits than any decimal has
      value = value * 10 + digit;
    }
    ++taken;
  }
  if (value != 0) {
    for (; taken < kept; ++taken) {
      if (value >= kPowersOfTen[37]) return DecimalParse::overflow;
      value *= 10;
    }
  }
  if (round_up) ++value;
  if (value >= power_of_ten(precision)) return DecimalParse::overflow;
  out = negative ? -value : value;
  return DecimalParse::ok;
}

void append_int(std::int64_t value, std::string& out) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
}

void append_java_double(double value, std::string& out) {
  append_java(value, out);
}
void append_java_float(float value, std::string& out) {
  append_java(value, out);
}

void append_decimal(Int128 unscaled, int scale, std::string& out) {
  const bool negative = unscaled < 0;
  UInt128 rest = negative ? ~static_cast<UInt128>(unscaled) + 1 : static_cast<UInt128>(unscaled);
  std::array<char, 44> buffer;
  std::size_t at = buffer.size();
  int behind = scale;
  // The low 64 bits are divided by hardware: most decimals are small.
  while (rest > std::numeric_limits<std::uint64_t>::max()) {
    buffer[--at] = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
    if (--behind == 0) buffer[--at] = '.';
  }
  auto low = static_cast<std::uint64_t>(rest);
  while (low != 0 || behind >= 0) {
    buffer[--at] = static_cast<char>('0' + static_cast<int>(low % 10));
    low /= 10;
    if (--behind == 0) buffer[--at] = '.';
  }
  if (negative) buffer[--at] = '-';
  out.append(buffer.data() + at, buffer.size() - at);
}

void append_java_decimal(Int128 unscaled, int scale, std::string& out) {
  std::string digits;
  append_decimal(unscaled, 0, digits);
  const std::size_t first = unscaled < 0 ? 1 : 0;
  const int exponent = static_cast<int>(digits.size() - first) - 1 - scale;
  if (exponent >= -6) return append_decimal(unscaled, scale, out);
  out.append(digits, 0, first + 1);
  if (digits.size() > first + 1) out.append(1, '.').append(digits, first + 1);
  out += 'E';
  append_int(exponent, out);
}

void append_text(const Column& column, std::uint32_t row, std::string& out) {
  if (column.is_null(row)) {
    out += "null";
    return;
  }
  switch (column.type().kind()) {
    case TypeKind::null: out += "null"; return;
    case TypeKind::boolean: out += column.value<std::uint8_t>(row) != 0 ? "true" : "false"; return;
    case TypeKind::int32: append_int(column.value<std::int32_t>(row), out); return;
    case TypeKind::int64: append_int(column.value<std::int64_t>(row), out); return;
    case TypeKind::float32: append_java_float(column.value<float>(row), out); return;
    case TypeKind::float64: append_java_double(column.value<double>(row), out); return;
    case TypeKind::decimal: append_decimal(column.value<Int128>(row), column.type().scale(), out); return;
    case TypeKind::string:
    case TypeKind::binary: out += column.value<StringRef>(row).view(); return;
    case TypeKind::variant: append_variant(column.value<StringRef>(row).view(), out); return;
    case TypeKind::date: append_date(column.value<std::int32_t>(row), out); return;
    case TypeKind::timestamp: append_timestamp(column.value<std::int64_t>(row), out); return;
    case TypeKind::month_interval: append_interval(column.type(), column.value<std::int32_t>(row), out); return;
    case TypeKind::day_interval: append_interval(column.type(), column.value<std::int64_t>(row), out); return;
    case TypeKind::array:
    case TypeKind::map: {
      const bool map = column.type().kind() == TypeKind::map;
      const ListRef list = column.value<ListRef>(row);
      out += map ? '{' : '[';
      for (std::uint32_t i = 0; i < list.length; ++i) {
        if (i != 0) out += ", ";
        append_text(*column.children[0], list.offset + i, out);
        if (map) {
          out += " -> ";
          append_text(*column.children[1], list.offset + i, out);
        }
      }
      out += map ? '}' : ']';
      return;
    }
    case TypeKind::structure: {
      out += '{';
      for (std::size_t i = 0; i < column.children.size(); ++i) {
        if (i != 0) out += ", ";
        append_text(*column.children[i], row, out);
      }
      out += '}';
      return;
    }
  }
}

void append_code_point(char32_t c, std::string& out) {
  const auto byte = [&](char32_t b) { out.push_back(static_cast<char>(static_cast<unsigned char>(b))); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | (c >> 6));
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | (c >> 12));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | (c >> 18));
    byte(0x80 | ((c >> 12) & 0x3F));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

bool is_utf8(std::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

Int128 power_of_ten(int n) {
  return kPowersOfTen[static_cast<std::size_t>(n)];
}

std::string as_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Character character = utf8_character(bytes, at);
    text += character.valid ? bytes.substr(at, character.length) : std::string_view("\xEF\xBF\xBD");
    at += character.length;
  }
  return text;
}

}  // namespace streamrun
