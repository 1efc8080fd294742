#include "runner/data/time_pattern.h"

#include <array>
#include <cstdlib>
#include <utility>

#include "runner/data/time_names.h"

namespace streamrun {
namespace {

constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
// How often a letter may be repeated; 0: no letter of Spark's.
int longest(char letter) {
  switch (letter) {
    case 'y': return 6;
    case 'G':
    case 'M':
    case 'L':
    case 'Q':
    case 'q':
    case 'E':
    case 'z':
    case 'O': return 4;
    case 'd':
    case 'h':
    case 'H':
    case 'K':
    case 'k':
    case 'm':
    case 's':
    case 'V': return 2;
    case 'D': return 3;
    case 'F':
    case 'a': return 1;
    case 'S': return 9;
    case 'X':
    case 'x':
    case 'Z': return 5;
    case 'g': return 19;
    default: return 0;
  }
}

std::string advice(char letter) {
  switch (letter) {
    case 'Y':
    case 'u': return "; write y for the year";
    case 'w':
    case 'W': return "; weeks have no letter, weekofyear(t) counts them";
    case 'e':
    case 'c': return "; write E for the day of the week";
    case 'A':
    case 'n':
    case 'N': return "; write S for fractions of a second";
    case 'B': return "; write a for AM and PM";
    case 'p': return "; repeat a letter to pad it: dd";
    default: return "; put text between single quotes";
  }
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void append_number(std::int64_t value, int width, std::string& out) {
  if (value < 0) out += '-';
  std::uint64_t rest = static_cast<std::uint64_t>(value < 0 ? -value : value);
  std::array<char, 20> digits;
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  const auto count = static_cast<int>(digits.size() - at);
  if (count < width) out.append(static_cast<std::size_t>(width - count), '0');
  out.append(digits.data() + at, digits.size() - at);
}

// Java's: two digits are the last ones, and a year of four digits or more that is wider than its letters has a sign.
void append_year(std::int32_t year, int count, std::string& out) {
  if (count == 2) return append_number(std::abs(year) % 100, 2, out);
  constexpr std::array<std::int32_t, 7> kWider = {0, 0, 0, 0, 10'000, 100'000, 1'000'000};
  if (count >= 4 && year >= kWider[static_cast<std::size_t>(count)]) out += '+';
  append_number(year, count, out);
}

}  // namespace

CivilDate civil_from_days(std::int32_t days) {
  // Years begin in March here, so that the leap day is their last, and come in eras of 400.
  constexpr std::int64_t kEraDays = 146'097;
  const std::int64_t shifted = std::int64_t{days} + 719'468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - (kEraDays - 1)) / kEraDays;
  const auto day_of_era = static_cast<std::uint32_t>(shifted - era * kEraDays);
  const std::uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint32_t march_month = (5 * day_of_year + 2) / 153;
  const std::uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  const std::int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  return {static_cast<std::int32_t>(year), month, day_of_year - (153 * march_month + 2) / 5 + 1};
}

std::int32_t days_from_civil(CivilDate date) {
  const std::int64_t year = std::int64_t{date.year} - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t march_month = date.month > 2 ? date.month - 3 : date.month + 9;
  const std::int64_t day_of_year = (153 * march_month + 2) / 5 + date.day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<std::int32_t>(era * 146'097 + day_of_era - 719'468);
}

Result<TimePattern> TimePattern::compile(std::string_view pattern) {
  TimePattern compiled;
  auto& items = compiled.items_;
  const auto add_literal = [&](char c) {
    if (items.empty() || items.back().letter != 0 || items.back().optional_begin || items.back().optional_end) {
      items.emplace_back();
    }
    items.back().literal += c;
  };
  int open = 0;
  for (std::size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (is_letter(c)) {
      std::size_t end = i;
      while (end < pattern.size() && pattern[end] == c) ++end;
      const int count = static_cast<int>(end - i);
      const int most = longest(c);
      const std::string run(pattern.substr(i, end - i));
      if (most == 0) {
        return failure("time pattern '" + std::string(pattern) + "': '" + std::string(1, c) + "' is no letter of it" +
                       advice(c));
      }
      const bool wrong_width = (c == 'V' && count != 2) || (c == 'O' && count != 1 && count != 4);
      if (count > most || wrong_width) {
        const std::string widths = c == 'V' ? "VV" : c == 'O' ? "O or OOOO" : "1 to " + std::to_string(most) + " of it";
        return failure("time pattern '" + std::string(pattern) + "': '" + run + "' has no meaning; write " + widths);
      }
      items.emplace_back();
      items.back().letter = c;
      items.back().count = count;
      compiled.with_era_ = compiled.with_era_ || c == 'G';
      i = end;
    } else if (c == '\'') {
      ++i;
      if (i < pattern.size() && pattern[i] == '\'') {
        add_literal('\'');
        ++i;
        continue;
      }
      bool closed = false;
      while (i < pattern.size() && !closed) {
        if (pattern[i] != '\'') {
          add_literal(pattern[i++]);
        } else if (i + 1 < pattern.size() && pattern[i + 1] == '\'') {
          add_literal('\'');
          i += 2;
        } else {
          closed = true;
          ++i;
        }
      }
      if (!closed) return failure("time pattern '" + std::string(pattern) + "': the closing quote is missing");
    } else if (c == '[' || c == ']') {
      open += c == '[' ? 1 : -1;
      if (open < 0) return failure("time pattern '" + std::string(pattern) + "': ']' without '['");
      items.emplace_back();
      (c == '[' ? items.back().optional_begin : items.back().optional_end) = true;
      ++i;
    } else if (c == '{' || c == '}' || c == '#') {
      return failure("time pattern '" + std::string(pattern) + "': '" + std::string(1, c) +
                     "' is reserved; put it between single quotes");
    } else {
      add_literal(c);
      ++i;
    }
  }
  return compiled;
}

void TimePattern::format(std::int64_t micros, std::string& out) const {
  std::int64_t day = micros / kMicrosPerDay;
  std::int64_t time = micros % kMicrosPerDay;
  if (time < 0) {
    time += kMicrosPerDay;
    --day;
  }
  const auto days = static_cast<std::int32_t>(day);
  const CivilDate date = civil_from_days(days);
  const std::int64_t second_of_day = time / 1'000'000;
  const std::int64_t hour = second_of_day / 3600;
  for (const Item& item : items_) {
    switch (item.letter) {
      case 0: out += item.literal; break;
      case 'y': append_year(with_era_ && date.year < 1 ? 1 - date.year : date.year, item.count, out); break;
      case 'G':
        if (item.count == 4) {
          out += date.year > 0 ? "Anno Domini" : "Before Christ";
        } else {
          out += date.year > 0 ? "AD" : "BC";
        }
        break;
      case 'M':
      case 'L':
        if (item.count <= 2) {
          append_number(date.month, item.count, out);
        } else {
          out += kMonthNames[date.month - 1].substr(0, item.count == 3 ? 3 : std::string_view::npos);
        }
        break;
      case 'Q':
      case 'q': {
        const std::uint32_t quarter = (date.month - 1) / 3;
        if (item.count == 4) {
          out += kQuarterNames[quarter];
        } else {
          if (item.count == 3) out += 'Q';
          append_number(quarter + 1, item.count == 2 ? 2 : 1, out);
        }
        break;
      }
      case 'E':
        out += kDayNames[static_cast<std::size_t>(day_of_week(days))].substr(
            0, item.count <= 3 ? 3 : std::string_view::npos);
        break;
      case 'a': out += hour < 12 ? "AM" : "PM"; break;
      case 'd': append_number(date.day, item.count, out); break;
      case 'D': append_number(days - first_of_year(date.year) + 1, item.count, out); break;
      case 'F': append_number((date.day - 1) % 7 + 1, item.count, out); break;
      case 'g': append_number(std::int64_t{days} + kModifiedJulianEpoch, item.count, out); break;
      case 'H': append_number(hour, item.count, out); break;
      case 'k': append_number(hour == 0 ? 24 : hour, item.count, out); break;
      case 'K': append_number(hour % 12, item.count, out); break;
      case 'h': append_number(hour % 12 == 0 ? 12 : hour % 12, item.count, out); break;
      case 'm': append_number(second_of_day / 60 % 60, item.count, out); break;
      case 's': append_number(second_of_day % 60, item.count, out); break;
      case 'S': {
        const std::size_t begin = out.size();
        append_number(time % 1'000'000, 6, out);
        out.resize(begin + static_cast<std::size_t>(item.count), '0');
        break;
      }
      case 'V': out += "UTC"; break;
      case 'z': out += item.count == 4 ? "Coordinated Universal Time" : "UTC"; break;
      case 'O': out += "GMT"; break;
      case 'X': out += 'Z'; break;
      case 'x': out += item.count == 1 ? "+00" : (item.count % 2 == 0 ? "+0000" : "+00:00"); break;
      case 'Z': out += item.count <= 3 ? "+0000" : (item.count == 4 ? "GMT" : "Z"); break;
      default: break;
    }
  }
}

}  // namespace streamrun
