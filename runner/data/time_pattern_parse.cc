// Reading texts by time patterns.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "runner/data/time_names.h"
#include "runner/data/time_pattern.h"
#include "runner/data/time_zone.h"

namespace streamrun {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_zone_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '/' || c == '_' || c == '+' ||
         c == '-' || c == ':' || c == '~' || c == '.';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// Written with exactly `count` digits, so that a number before it knows what to leave.
bool is_fixed_number(char letter, int count) {
  switch (letter) {
    case 'y':
    case 'M':
    case 'L':
    case 'Q':
    case 'q':
    case 'd':
    case 'h':
    case 'H':
    case 'K':
    case 'k':
    case 'm':
    case 's': return count == 2;
    case 'D': return count == 3;
    default: return false;
  }
}

// What a text has said so far.
struct Fields {
  std::optional<std::int32_t> year, month, day, day_of_year, weekday, quarter, era, julian;
  std::optional<std::int32_t> hour, hour12, half, minute, second, micros, week_day;
  TimeZone zone;
};

// Fields that are given twice agree.
bool put(std::optional<std::int32_t>& field, std::int32_t value) {
  if (field && *field != value) return false;
  field = value;
  return true;
}

struct Input {
  std::string_view text;
  std::size_t at = 0;

  char peek() const { return at < text.size() ? text[at] : '\0'; }

  bool literal(std::string_view expected) {
    if (text.size() - at < expected.size()) return false;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (lower(text[at + i]) != lower(expected[i])) return false;
    }
    at += expected.size();
    return true;
  }

  // Up to `most` digits, but at least `least`, leaving `reserve` digits to the numbers that follow at once.
  bool number(int least, int most, int reserve, std::int64_t& value, int* digits = nullptr) {
    int run = 0;
    while (run < most + reserve && at + static_cast<std::size_t>(run) < text.size() &&
           is_digit(text[at + static_cast<std::size_t>(run)])) {
      ++run;
    }
    const int taken = std::min(most, reserve == 0 ? run : std::max(least, run - reserve));
    if (run < least || taken > run) return false;
    value = 0;
    for (int i = 0; i < taken; ++i) {
      if (value > 100'000'000'000) return false;
      value = value * 10 + (text[at++] - '0');
    }
    if (digits != nullptr) *digits = taken;
    return true;
  }

  template <std::size_t N>
  std::optional<std::int32_t> name(const std::array<std::string_view, N>& names, std::size_t length) {
    for (std::size_t i = 0; i < N; ++i) {
      if (literal(names[i].substr(0, length))) return static_cast<std::int32_t>(i);
    }
    return std::nullopt;
  }

  // `+hh`, `+hhmm`, `+hh:mm`; minutes as `colon` and `minutes` say.
  enum class Minutes { none, optional, needed };
  bool offset(Minutes minutes, bool colon, std::int32_t& seconds, int hour_digits = 2) {
    const char sign = peek();
    if (sign != '+' && sign != '-') return false;
    ++at;
    std::int64_t hours = 0;
    std::int64_t rest = 0;
    if (!number(hour_digits, 2, 0, hours)) return false;
    if (minutes != Minutes::none) {
      const std::size_t before = at;
      const bool there = (!colon || literal(":")) && number(2, 2, 0, rest);
      if (!there) {
        if (minutes == Minutes::needed) return false;
        at = before;
        rest = 0;
      }
    }
    if (rest > 59 || hours * 60 + rest > 18 * 60) return false;
    seconds = static_cast<std::int32_t>((hours * 60 + rest) * 60);
    if (sign == '-') seconds = -seconds;
    return true;
  }

  // `Europe/Berlin`: as much of the text as names a zone.
  bool region(TimeZone& zone) {
    std::size_t size = 0;
    while (at + size < text.size() && is_zone_character(text[at + size])) ++size;
    for (; size > 0; --size) {
      const Result<TimeZone> found = TimeZone::find(text.substr(at, size));
      if (!found) continue;
      zone = *found;
      at += size;
      return true;
    }
    return false;
  }

  bool zone(char letter, int count, TimeZone& out) {
    if (letter == 'V' || letter == 'z') {
      if (letter == 'z' && literal("Coordinated Universal Time")) return true;
      if (region(out)) return true;
    }
    std::int32_t seconds = 0;
    if (!fixed_zone(letter, count, seconds)) return false;
    out = TimeZone::fixed(seconds);
    return true;
  }

 private:
  bool fixed_zone(char letter, int count, std::int32_t& seconds) {
    seconds = 0;
    if (letter == 'X' && literal("Z")) return true;
    if (letter == 'Z' && count == 5 && literal("Z")) return true;
    if (letter == 'X' || letter == 'x') {
      if (count == 1) return offset(Minutes::optional, false, seconds);
      return offset(Minutes::needed, count == 3 || count == 5, seconds);
    }
    if (letter == 'Z' && count != 4) return offset(Minutes::needed, count == 5, seconds);
    if (letter == 'O') {
      if (!literal("GMT")) return false;
      if (peek() != '+' && peek() != '-') return true;
      return offset(count == 4 ? Minutes::needed : Minutes::optional, true, seconds, count == 4 ? 2 : 1);
    }
    const bool named = literal("UTC") || literal("GMT");
    if (named && peek() != '+' && peek() != '-') return true;
    if (!named && literal("Z")) return true;
    return offset(Minutes::optional, true, seconds);
  }
};

bool resolve(const Fields& f, std::int64_t& micros) {
  std::int32_t days = 0;
  std::int32_t year = f.year.value_or(1970);
  if (f.era && year < 1) return false;
  if (f.era && *f.era == 0) year = 1 - year;
  // Microseconds of these fit 64 bits.
  constexpr std::int32_t kFirstYear = -290'307;
  constexpr std::int32_t kLastYear = 294'246;
  if (year < kFirstYear || year > kLastYear) return false;
  if (f.julian) {
    days = *f.julian - kModifiedJulianEpoch;
  } else if (f.day_of_year && !f.month && !f.day) {
    days = first_of_year(year) + *f.day_of_year - 1;
    if (*f.day_of_year < 1 || days >= first_of_year(year + 1)) return false;
  } else {
    const std::int32_t month = f.month.value_or(1);
    const std::int32_t day = f.day.value_or(1);
    if (month < 1 || month > 12 || day < 1 || day > 31) return false;
    days = days_from_civil({year, static_cast<std::uint32_t>(month), static_cast<std::uint32_t>(day)});
    if (civil_from_days(days).month != static_cast<std::uint32_t>(month)) return false;
  }
  // What only repeats the date must be true.
  const CivilDate date = civil_from_days(days);
  if (f.weekday && *f.weekday != day_of_week(days)) return false;
  if (f.quarter && *f.quarter != static_cast<std::int32_t>((date.month - 1) / 3 + 1)) return false;
  if (f.day_of_year && *f.day_of_year != days - first_of_year(date.year) + 1) return false;
  if (f.week_day && *f.week_day != static_cast<std::int32_t>((date.day - 1) % 7 + 1)) return false;

  // Without AM or PM it is AM; with nothing but PM it is noon.
  std::int32_t hour = 12 * f.half.value_or(0) + f.hour12.value_or(0);
  if (f.hour) {
    if (f.hour12 && *f.hour12 != *f.hour % 12) return false;
    if (f.half && *f.half != *f.hour / 12) return false;
    hour = *f.hour;
  }
  const std::int64_t seconds =
      std::int64_t{days} * 86400 + hour * 3600 + f.minute.value_or(0) * 60 + f.second.value_or(0);
  micros = f.zone.to_utc(seconds * 1'000'000 + f.micros.value_or(0));
  return true;
}

// One field at the input's place. `reserve`: digits of the numbers that follow at once.
bool read_field(Input& in, char letter, int count, int reserve, Fields& f) {
  const int most = count == 1 ? 9 : count;
  std::int64_t value = 0;
  const auto number = [&](std::optional<std::int32_t>& field, std::int32_t low, std::int32_t high) {
    return in.number(count, most, reserve, value) && value >= low && value <= high &&
           put(field, static_cast<std::int32_t>(value));
  };
  switch (letter) {
    case 'y': {
      const bool minus = count != 2 && in.peek() == '-';
      const bool plus = count >= 4 && in.peek() == '+';
      if (minus || plus) ++in.at;
      int digits = 0;
      if (!in.number(count, count == 2 ? 2 : 9, reserve, value, &digits)) return false;
      // A year that is wider than its pattern is written with a sign, and only then; but for one before the year 0.
      if (count >= 4 && !minus && plus != (digits > count)) return false;
      if (value > 999'999 || (minus && value == 0)) return false;
      if (minus) value = -value;
      return put(f.year, static_cast<std::int32_t>(count == 2 ? 2000 + value : value));
    }
    case 'M':
    case 'L': {
      if (count <= 2) return number(f.month, 1, 12);
      const auto month = in.name(kMonthNames, count == 3 ? 3 : std::string_view::npos);
      return month && put(f.month, *month + 1);
    }
    case 'Q':
    case 'q': {
      if (count <= 2) return number(f.quarter, 1, 4);
      if (count == 3) {
        if (!in.literal("Q")) return false;
        count = 1;
        return in.number(1, 1, 0, value) && value >= 1 && value <= 4 &&
               put(f.quarter, static_cast<std::int32_t>(value));
      }
      const auto quarter = in.name(kQuarterNames, std::string_view::npos);
      return quarter && put(f.quarter, *quarter + 1);
    }
    case 'E': {
      const auto day = in.name(kDayNames, count <= 3 ? 3 : std::string_view::npos);
      return day && put(f.weekday, *day);
    }
    case 'G': {
      const bool full = count == 4;
      if (in.literal(full ? "Anno Domini" : "AD")) return put(f.era, 1);
      return in.literal(full ? "Before Christ" : "BC") && put(f.era, 0);
    }
    case 'a': {
      if (in.literal("AM")) return put(f.half, 0);
      return in.literal("PM") && put(f.half, 1);
    }
    case 'd': return number(f.day, 1, 31);
    case 'D':
      return in.number(count, count == 1 ? 9 : 3, reserve, value) && value <= 366 &&
             put(f.day_of_year, static_cast<std::int32_t>(value));
    case 'F': return number(f.week_day, 1, 7);
    case 'g': return in.number(count, 9, reserve, value) && put(f.julian, static_cast<std::int32_t>(value));
    case 'H': return number(f.hour, 0, 23);
    case 'k':
      return in.number(count, most, reserve, value) && value >= 1 && value <= 24 &&
             put(f.hour, static_cast<std::int32_t>(value % 24));
    case 'K': return number(f.hour12, 0, 11);
    case 'h':
      return in.number(count, most, reserve, value) && value >= 1 && value <= 12 &&
             put(f.hour12, static_cast<std::int32_t>(value % 12));
    case 'm': return number(f.minute, 0, 59);
    case 's': return number(f.second, 0, 59);
    case 'S': {
      int digits = 0;
      if (!in.number(1, count, 0, value, &digits)) return false;
      for (; digits < 6; ++digits) value *= 10;
      for (; digits > 6; --digits) value /= 10;
      return put(f.micros, static_cast<std::int32_t>(value));
    }
    default: return in.zone(letter, count, f.zone);
  }
}

}  // namespace

Result<> TimePattern::check_parsing() const {
  constexpr std::string_view kWritten = "EFqQ";
  for (const Item& item : items_) {
    if (item.letter == 0 || kWritten.find(item.letter) == std::string_view::npos) continue;
    return failure(std::string("time pattern: '") + item.letter + "' says nothing that can be read; leave it out");
  }
  return {};
}

bool TimePattern::parse(std::string_view text, std::int64_t& micros) const {
  Input in{text};
  Fields fields;
  // Where optional sections began: what they read is undone if they fail.
  struct Section {
    std::size_t at;
    Fields fields;
  };
  std::vector<Section> sections;  // empty, and no memory, for patterns without brackets
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    bool fits = true;
    if (item.optional_begin) {
      sections.push_back({in.at, fields});
    } else if (item.optional_end) {
      sections.pop_back();
    } else if (item.letter == 0) {
      fits = in.literal(item.literal);
    } else {
      int reserve = 0;
      if (!is_fixed_number(item.letter, item.count)) {
        for (std::size_t next = i + 1; next < items_.size(); ++next) {
          const Item& follower = items_[next];
          if (!is_fixed_number(follower.letter, follower.count)) break;
          reserve += follower.count;
        }
      }
      fits = read_field(in, item.letter, item.count, reserve, fields);
    }
    if (fits) continue;
    if (sections.empty()) return false;
    in.at = sections.back().at;
    fields = sections.back().fields;
    sections.pop_back();
    int depth = 1;
    while (depth != 0 && ++i < items_.size()) {
      if (items_[i].optional_begin) ++depth;
      if (items_[i].optional_end) --depth;
    }
  }
  return in.at == text.size() && resolve(fields, micros);
}

}  // namespace streamrun
