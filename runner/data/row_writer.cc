#include "runner/data/row_writer.h"

#include <fmt/compile.h>

#include <cmath>

#include "runner/data/text_value.h"
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
  if (fraction == 0) return out;
  out[0] = '.';
  out[1] = static_cast<char>('0' + fraction / 100);
  fraction %= 100;
  out[2] = static_cast<char>('0' + fraction / 10);
  out[3] = static_cast<char>('0' + fraction % 10);
  return out + (out[3] != '0' ? 4 : out[2] != '0' ? 3 : 2);
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

char* write_double(double value, char* out) {
  if (char* end = write_short(value, 1e15, out)) return end;
  if (value == 0 && std::signbit(value)) return write_text("-0.0", out);
  return fmt::format_to(out, FMT_COMPILE("{}"), value);
}

char* write_float(float value, char* out) {
  // Six digits are told apart by floats.
  if (char* end = write_short(value, 1e6, out)) return end;
  if (value == 0 && std::signbit(value)) return write_text("-0.0", out);
  return fmt::format_to(out, FMT_COMPILE("{}"), value);
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
