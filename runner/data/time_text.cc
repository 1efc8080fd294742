// Dates and timestamps as Spark's casts read and write them.
#include <array>
#include <cstdlib>
#include <limits>

#include "runner/data/text_value.h"
#include "runner/data/time_pattern.h"
#include "runner/data/time_zone.h"

namespace streamrun {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A cursor over digits, blanks and signs of date texts.
struct Reader {
  std::string_view text;
  std::size_t at = 0;

  bool end() const { return at == text.size(); }
  char peek() const { return end() ? '\0' : text[at]; }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at;
    return true;
  }
  // Between `least` and `most` digits, no more following.
  bool number(int least, int most, std::int32_t& out) {
    int digits = 0;
    out = 0;
    for (; is_digit(peek()); ++at, ++digits) {
      if (digits == most) return false;
      out = out * 10 + (text[at] - '0');
    }
    return digits >= least;
  }
};

bool make_days(std::int32_t year, std::int32_t month, std::int32_t day, std::int32_t& days) {
  constexpr std::array<std::int32_t, 12> kLengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  constexpr std::int32_t kFarthest = 5'881'580;  // in this year the days outgrow 32 bits
  if (year < -kFarthest || year > kFarthest || month < 1 || month > 12 || day < 1) return false;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const std::int32_t length = month == 2 && leap ? 29 : kLengths[static_cast<std::size_t>(month - 1)];
  if (day > length) return false;
  days = days_from_civil({year, static_cast<std::uint32_t>(month), static_cast<std::uint32_t>(day)});
  return civil_from_days(days).year == year;
}

// year[-month[-day]]
bool read_date(Reader& in, std::int32_t& days, bool& whole) {
  std::int32_t year = 0;
  std::int32_t month = 1;
  std::int32_t day = 1;
  whole = false;
  const bool negative = in.accept('-');
  if (!negative) in.accept('+');
  if (!in.number(4, 7, year)) return false;
  if (negative) year = -year;
  if (in.accept('-')) {
    if (!in.number(1, 2, month)) return false;
    if (in.accept('-')) {
      if (!in.number(1, 2, day)) return false;
      whole = true;
    }
  }
  return make_days(year, month, day, days);
}

void append_padded(std::uint32_t value, int width, std::string& out) {
  std::array<char, 10> digits;
  int at = 10;
  do {
    digits[static_cast<std::size_t>(--at)] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  for (int n = 10 - at; n < width; ++n) out += '0';
  out.append(digits.data() + at, static_cast<std::size_t>(10 - at));
}

void append_time(std::int64_t micros, char between, std::string& out) {
  std::int64_t days = micros / kMicrosPerDay;
  std::int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  append_date(static_cast<std::int32_t>(days), out);
  const auto seconds = static_cast<std::uint32_t>(rest / kMicrosPerSecond);
  auto fraction = static_cast<std::uint32_t>(rest % kMicrosPerSecond);
  std::array<char, 9> clock;
  const auto two = [&](std::size_t at, std::uint32_t value) {
    clock[at] = static_cast<char>('0' + value / 10);
    clock[at + 1] = static_cast<char>('0' + value % 10);
  };
  clock[0] = between;
  two(1, seconds / 3600);
  clock[3] = ':';
  two(4, seconds / 60 % 60);
  clock[6] = ':';
  two(7, seconds % 60);
  out.append(clock.data(), clock.size());
  if (fraction == 0) return;
  int width = 6;
  for (; fraction % 10 == 0; fraction /= 10) --width;
  out += '.';
  append_padded(fraction, width, out);
}

}  // namespace

bool parse_date(std::string_view text, std::int32_t& days) {
  Reader in{trim_blanks(text)};
  bool whole = false;
  if (!read_date(in, days, whole)) return false;
  // Behind a whole date, a time of any form is let go, as Spark does.
  return in.end() || (whole && (in.peek() == ' ' || in.peek() == 'T'));
}

bool parse_timestamp(std::string_view text, std::int32_t today, std::int64_t& micros) {
  Reader in{trim_blanks(text)};
  std::int32_t days = today;
  const std::size_t colon = in.text.find(':');
  const bool time_alone = in.peek() == 'T' || colon == 1 || colon == 2;
  if (time_alone) {
    if (today == std::numeric_limits<std::int32_t>::min()) return false;
    in.accept('T');
  } else {
    bool whole = false;
    if (!read_date(in, days, whole)) return false;
    if (in.end()) {
      return !__builtin_mul_overflow(std::int64_t{days}, kMicrosPerDay, &micros);
    }
    if (!whole || (!in.accept(' ') && !in.accept('T'))) return false;
  }

  std::int32_t hour = 0;
  std::int32_t minute = 0;
  std::int32_t second = 0;
  std::int32_t fraction = 0;
  TimeZone zone;
  if (!in.number(1, 2, hour)) return false;
  if (in.accept(':')) {
    if (!in.number(1, 2, minute)) return false;
    if (in.accept(':')) {
      if (!in.number(1, 2, second)) return false;
      if (in.accept('.')) {
        std::int32_t unit = 100'000;
        for (; is_digit(in.peek()); ++in.at, unit /= 10) fraction += unit * (in.peek() - '0');
      }
      if (!in.end()) {
        const Result<TimeZone> named = TimeZone::find(trim_blanks(in.text.substr(in.at)));
        if (!named) return false;
        zone = *named;
      }
      in.at = in.text.size();
    }
  }
  if (!in.end() || hour > 23 || minute > 59 || second > 59) return false;
  // Offsets are of less than a day, which is kept clear at the ends of the range.
  const std::int64_t seconds = std::int64_t{days} * 86400 + hour * 3600 + minute * 60 + second;
  if (__builtin_mul_overflow(seconds, kMicrosPerSecond, &micros) ||
      __builtin_add_overflow(micros, std::int64_t{fraction}, &micros)) {
    return false;
  }
  const std::int64_t local = micros;
  const bool at_the_end = local > std::numeric_limits<std::int64_t>::max() - kMicrosPerDay ||
                          local < std::numeric_limits<std::int64_t>::min() + kMicrosPerDay;
  if (at_the_end) return zone.to_utc(0) == 0;
  micros = zone.to_utc(local);
  return true;
}

void append_date(std::int32_t days, std::string& out) {
  const CivilDate date = civil_from_days(days);
  if (date.year < 0 || date.year > 9999) {
    out += date.year < 0 ? '-' : '+';
    append_padded(static_cast<std::uint32_t>(std::abs(date.year)), 4, out);
  } else {
    append_padded(static_cast<std::uint32_t>(date.year), 4, out);
  }
  const std::array<char, 6> rest = {
      '-', static_cast<char>('0' + date.month / 10), static_cast<char>('0' + date.month % 10),
      '-', static_cast<char>('0' + date.day / 10),   static_cast<char>('0' + date.day % 10)};
  out.append(rest.data(), rest.size());
}

void append_timestamp(std::int64_t micros, std::string& out) {
  append_time(micros, ' ', out);
}

void append_timestamp_iso(std::int64_t micros, std::string& out) {
  append_time(micros, 'T', out);
  out += 'Z';
}

}  // namespace streamrun
