#include "runner/data/cell.h"

#include <cstring>

#include "runner/data/text_value.h"

namespace streamrun {
namespace {

constexpr std::int64_t kMicrosOfDay = std::int64_t{86'400} * 1'000'000;
// Records hold years of four digits: 0001-01-01 to 9999-12-31.
constexpr std::int64_t kFirstDay = -719'162;
constexpr std::int64_t kLastDay = 2'932'896;

template <class T>
bool store(bool good, const T& value, std::byte* out) {
  if (good) std::memcpy(out, &value, sizeof value);
  return good;
}

// Two digits, or something above 99.
unsigned two_digits(const char* p) {
  const auto high = static_cast<unsigned char>(p[0] - '0');
  const auto low = static_cast<unsigned char>(p[1] - '0');
  return high > 9 || low > 9 ? 100U : high * 10U + low;
}

// `YYYY-MM-DD` alone; other forms are left to the general parser.
bool plain_date(const char* p, std::int32_t& days) {
  const unsigned century = two_digits(p);
  const unsigned year = two_digits(p + 2);
  const unsigned month = two_digits(p + 5);
  const unsigned day = two_digits(p + 8);
  if (century > 99 || year > 99 || p[4] != '-' || p[7] != '-') return false;
  if (month - 1 > 11 || day - 1 > 27 || century + year == 0) return false;  // days past 28 need the calendar
  days = days_from_civil({static_cast<std::int32_t>(century * 100 + year), month, day});
  return true;
}

// `YYYY-MM-DDTHH:MM:SS[.f…]Z`, the form that we write.
bool plain_timestamp(std::string_view text, std::int64_t& micros) {
  std::int32_t days = 0;
  const char* p = text.data();
  if (text.size() < 20 || text.size() > 27 || text.back() != 'Z' || p[10] != 'T' || p[13] != ':' || p[16] != ':') {
    return false;
  }
  const unsigned hour = two_digits(p + 11);
  const unsigned minute = two_digits(p + 14);
  const unsigned second = two_digits(p + 17);
  if (hour > 23 || minute > 59 || second > 59 || !plain_date(p, days)) return false;
  std::int64_t fraction = 0;
  if (text.size() > 20) {
    if (p[19] != '.' || text.size() == 21) return false;
    std::size_t i = 20;
    for (; i + 1 < text.size(); ++i) {
      const auto digit = static_cast<unsigned char>(p[i] - '0');
      if (digit > 9) return false;
      fraction = fraction * 10 + digit;
    }
    for (; i < 26; ++i) fraction *= 10;
  }
  micros = days * kMicrosOfDay +
           (std::int64_t{hour} * 3600 + std::int64_t{minute} * 60 + std::int64_t{second}) * 1'000'000 + fraction;
  return true;
}

}  // namespace

CompiledTime compile_time(const TimeFormats& formats) {
  CompiledTime time;
  if (!formats.date_format.empty()) {
    if (auto pattern = TimePattern::compile(formats.date_format)) time.date = std::move(*pattern);
  }
  if (!formats.timestamp_format.empty()) {
    if (auto pattern = TimePattern::compile(formats.timestamp_format)) time.timestamp = std::move(*pattern);
  }
  return time;
}

bool parse_date_cell(std::string_view text, const CompiledTime& time, std::int32_t& days) {
  if (!time.date) {
    if (text.size() == 10 && plain_date(text.data(), days)) return true;
    return parse_date(text, days) && days >= kFirstDay && days <= kLastDay;
  }
  std::int64_t micros = 0;
  if (!time.date->parse(text, micros)) return false;
  days = static_cast<std::int32_t>(micros / kMicrosOfDay - (micros % kMicrosOfDay < 0 ? 1 : 0));
  return true;
}

bool parse_timestamp_cell(std::string_view text, const CompiledTime& time, std::int64_t& micros) {
  if (time.timestamp) return time.timestamp->parse(text, micros);
  if (plain_timestamp(text, micros)) return true;
  const std::size_t mark = text.find_first_of(":-", 1);
  if (mark != std::string_view::npos && text[mark] == ':') return false;
  return parse_timestamp(text, 0, micros) && micros >= kFirstDay * kMicrosOfDay &&
         micros < (kLastDay + 1) * kMicrosOfDay;
}

bool parse_cell(const Type& type, std::string_view text, const CompiledTime& time, StringArena& arena, std::byte* out) {
  switch (type.kind()) {
    case TypeKind::boolean: {
      bool value = false;
      const bool good = parse_boolean(text, value);
      return store(good, static_cast<std::uint8_t>(value), out);
    }
    case TypeKind::int32: {
      std::int32_t value = 0;
      const bool good = parse_int(text, value);
      return store(good, value, out);
    }
    case TypeKind::int64: {
      std::int64_t value = 0;
      const bool good = parse_bigint(text, value);
      return store(good, value, out);
    }
    case TypeKind::float32: {
      float value = 0;
      const bool good = parse_float(text, value);
      return store(good, value, out);
    }
    case TypeKind::float64: {
      double value = 0;
      const bool good = parse_double(text, value);
      return store(good, value, out);
    }
    case TypeKind::decimal: {
      Int128 value = 0;
      const bool good = parse_decimal(text, type.precision(), type.scale(), value) == DecimalParse::ok;
      return store(good, value, out);
    }
    case TypeKind::string: return store(true, arena.copy(text), out);
    case TypeKind::binary: {
      std::string bytes;
      const bool good = decode_base64(text, bytes);
      return store(good, arena.copy(bytes), out);
    }
    case TypeKind::date: {
      std::int32_t value = 0;
      const bool good = parse_date_cell(text, time, value);
      return store(good, value, out);
    }
    case TypeKind::timestamp: {
      std::int64_t value = 0;
      const bool good = parse_timestamp_cell(text, time, value);
      return store(good, value, out);
    }
    default: return false;
  }
}

std::string excerpt(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t cut = most;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  return std::string(text.substr(0, cut)) + "…";
}

}  // namespace streamrun
