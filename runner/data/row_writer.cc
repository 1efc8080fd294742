#include "runner/data/row_writer.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <system_error>

#include "runner/data/time_pattern.h"

namespace streamrun {
namespace {

// Doubles mostly have few decimals. If value is the nearest double of n/1000 and n has at most 15 digits, no
// shorter text reads back as it, and n's digits are the shortest once its trailing zeros are gone.
template <class Real>
char* write_short(Real value, double limit, char* out) {
  const double wide = static_cast<double>(value);
  const double scaled = wide * 1000;
  if (!(std::fabs(scaled) < limit)) return nullptr;
  const auto thousands = static_cast<double>(static_cast<std::int64_t>(scaled + std::copysign(0.5, scaled)));
  const double size = std::fabs(thousands);
  if (size == 0 || static_cast<Real>(thousands / 1000) != value) return nullptr;
  if (thousands < 0) *out++ = '-';
  const auto digits = static_cast<std::uint64_t>(size);
  out = std::to_chars(out, out + 20, digits / 1000).ptr;
  auto fraction = static_cast<unsigned>(digits % 1000);
  out[0] = '.';
  out[1] = static_cast<char>('0' + fraction / 100);
  fraction %= 100;
  out[2] = static_cast<char>('0' + fraction / 10);
  out[3] = static_cast<char>('0' + fraction % 10);
  return out + (out[3] != '0' ? 4 : out[2] != '0' ? 3 : 2);
}

// Shortest digits as d.ddde±xx, laid out as Java's Double.toString does.
template <class Real>
char* write_java(Real value, char* out) {
  if (std::signbit(value)) *out++ = '-';
  value = std::abs(value);
  if (value == 0) return write_text("0.0", out);
  char buffer[32];
  char* end = std::to_chars(buffer, std::end(buffer), value, std::chars_format::scientific).ptr;
  if (!std::isnormal(value) && buffer[1] == 'e') {
    // Two digits where they are nearer, though one would do.
    char two[32];
    const auto nearer = std::to_chars(two, std::end(two), value, std::chars_format::scientific, 1).ptr;
    Real same{};
    if (std::from_chars(two, nearer, same).ec == std::errc() && same == value) end = std::copy(two, nearer, buffer);
  }
  const char* const mark = std::find(buffer, end, 'e');
  char digits[20];
  std::size_t count = 0;
  for (const char* c = buffer; c != mark; ++c) {
    if (*c != '.') digits[count++] = *c;
  }
  int exponent = 0;
  std::from_chars(mark + (mark[1] == '+' ? 2 : 1), end, exponent);
  const std::string_view all(digits, count);
  if (exponent < -3 || exponent >= 7) {
    *out++ = all[0];
    *out++ = '.';
    out = write_text(count > 1 ? all.substr(1) : "0", out);
    *out++ = 'E';
    return write_integer(exponent, out);
  }
  if (exponent < 0) {
    out = write_text(std::string_view("0.00").substr(0, static_cast<std::size_t>(1 - exponent)), out);
    return write_text(all, out);
  }
  const auto whole = static_cast<std::size_t>(exponent + 1);
  out = write_text(all.substr(0, whole), out);
  for (std::size_t i = count; i < whole; ++i) *out++ = '0';
  *out++ = '.';
  return write_text(count > whole ? all.substr(whole) : "0", out);
}

void two_digits(std::uint32_t value, char* out) {
  out[0] = static_cast<char>('0' + value / 10);
  out[1] = static_cast<char>('0' + value % 10);
}

// A date of four-digit years, else null.
char* plain_date(std::int32_t days, char* out) {
  const CivilDate date = civil_from_days(days);
  if (date.year < 0 || date.year > 9999) return nullptr;
  const auto year = static_cast<std::uint32_t>(date.year);
  two_digits(year / 100, out);
  two_digits(year % 100, out + 2);
  out[4] = '-';
  two_digits(date.month, out + 5);
  out[7] = '-';
  two_digits(date.day, out + 8);
  return out + 10;
}

}  // namespace

// Below ten millions a number stands without an exponent.
char* write_double(double value, char* out) {
  char* const end = write_short(value, 1e10, out);
  return end != nullptr ? end : write_java(value, out);
}

char* write_float(float value, char* out) {
  // Six digits are told apart by floats.
  char* const end = write_short(value, 1e6, out);
  return end != nullptr ? end : write_java(value, out);
}

char* write_date(std::int32_t days, char* out) {
  if (char* end = plain_date(days, out)) return end;
  std::string text;
  append_date(days, text);
  return write_text(text, out);
}

char* write_timestamp(std::int64_t micros, char* out) {
  constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000;
  const std::int64_t day = micros / kDay - (micros % kDay < 0 ? 1 : 0);
  const std::int64_t within = micros - day * kDay;
  char* p = plain_date(static_cast<std::int32_t>(day), out);
  if (p == nullptr) {
    std::string text;
    append_timestamp_iso(micros, text);
    return write_text(text, out);
  }
  const auto seconds = static_cast<std::uint32_t>(within / 1'000'000);
  auto fraction = static_cast<std::uint32_t>(within % 1'000'000);
  p[0] = 'T';
  two_digits(seconds / 3600, p + 1);
  p[3] = ':';
  two_digits(seconds / 60 % 60, p + 4);
  p[6] = ':';
  two_digits(seconds % 60, p + 7);
  p += 9;
  if (fraction != 0) {
    *p++ = '.';
    two_digits(fraction / 10'000, p);
    two_digits(fraction / 100 % 100, p + 2);
    two_digits(fraction % 100, p + 4);
    p += 6;
    while (p[-1] == '0') --p;
  }
  *p++ = 'Z';
  return p;
}

char* write_json_repaired(std::string_view text, char* out) {
  return write_json_string(as_utf8(text), out - 1);
}

char* write_json_escape(char c, char* out) {
  *out++ = '\\';
  switch (c) {
    case '"': *out++ = '"'; return out;
    case '\\': *out++ = '\\'; return out;
    case '\b': *out++ = 'b'; return out;
    case '\f': *out++ = 'f'; return out;
    case '\n': *out++ = 'n'; return out;
    case '\r': *out++ = 'r'; return out;
    case '\t': *out++ = 't'; return out;
    default: break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  std::memcpy(out, "u00", 3);
  out[3] = kHex[static_cast<unsigned char>(c) >> 4];
  out[4] = kHex[static_cast<unsigned char>(c) & 15];
  return out + 5;
}

}  // namespace streamrun
