#include "runner/expr/literal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "runner/data/text_value.h"
#include "runner/expr/lexer.h"

namespace streamrun {

namespace {

template <class T>
ColumnPtr constant(Type type, T value) {
  MutableColumn column = Column::make_constant(std::move(type), 1);
  *column->template values<T>() = value;
  return column;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A decimal as it is written: its own digits are its precision.
Result<ColumnPtr> decimal_literal(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  int exponent = 0;
  if (const auto e = digits.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = digits.substr(e + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (error != std::errc() || exponent > 100 || exponent < -100) {
      return failure(fmt::format("decimal '{}' has more than 38 digits", text));
    }
    digits = digits.substr(0, e);
  }
  Int128 value = 0;
  int precision = 0;
  int scale = 0;
  bool fraction = false;
  for (const char c : digits) {
    if (c == '.') {
      fraction = true;
      continue;
    }
    if (precision > 0 || c != '0') ++precision;
    if (precision > 38) return failure(fmt::format("decimal '{}' has more than 38 digits", text));
    value = value * 10 + (c - '0');
    if (fraction) ++scale;
  }
  scale -= exponent;
  while (scale < 0 && precision <= 38) {
    value *= 10;
    ++scale;
    if (value != 0) ++precision;
  }
  precision = std::max({precision, scale, 1});
  if (precision > 38) return failure(fmt::format("decimal '{}' has more than 38 digits", text));
  return constant<Int128>(Type::decimal(precision, scale), negative ? -value : value);
}

}  // namespace

ColumnPtr string_constant(std::string_view text) {
  MutableColumn column = Column::make_constant(Type(TypeKind::string), 1);
  auto arena = std::make_shared<StringArena>();
  *column->values<StringRef>() = arena->copy(text);
  column->keep(arena);
  return column;
}

ColumnPtr int_constant(std::int32_t value) {
  return constant<std::int32_t>(Type(TypeKind::int32), value);
}
ColumnPtr bigint_constant(std::int64_t value) {
  return constant<std::int64_t>(Type(TypeKind::int64), value);
}
ColumnPtr boolean_constant(bool value) {
  return constant<std::uint8_t>(Type(TypeKind::boolean), static_cast<std::uint8_t>(value ? 1 : 0));
}

Result<ColumnPtr> number_constant(std::string_view text) {
  std::size_t used = text.starts_with('-') ? 1 : 0;
  bool dot = false;
  bool power = false;
  for (; used < text.size(); ++used) {
    const char c = text[used];
    if (is_digit(c)) continue;
    if (c == '.' && !dot && !power) {
      dot = true;
      continue;
    }
    const bool sign_next = used + 1 < text.size() && (text[used + 1] == '-' || text[used + 1] == '+');
    const std::size_t digit = used + (sign_next ? 2 : 1);
    if ((c == 'e' || c == 'E') && !power && digit < text.size() && is_digit(text[digit])) {
      power = true;
      used = digit;
      continue;
    }
    break;
  }
  const std::string_view number = text.substr(0, used);
  const std::string_view suffix = text.substr(used);
  const auto out_of_range = [&](std::string_view type) {
    return failure(fmt::format("number '{}' is out of the range of {}", text, type));
  };
  const bool whole = !dot && !power;
  if (suffix.empty()) {
    if (whole) {
      std::int64_t value = 0;
      const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
      if (parsed.ec != std::errc()) return decimal_literal(number);
      if (value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max()) {
        return int_constant(static_cast<std::int32_t>(value));
      }
      return bigint_constant(value);
    }
    if (!power) return decimal_literal(number);
  }
  if (suffix.empty() || same_word(suffix, "D")) {
    double value = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
    if (parsed.ec != std::errc()) return out_of_range("double");
    return constant<double>(Type(TypeKind::float64), value);
  }
  if (same_word(suffix, "F")) {
    float value = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
    if (parsed.ec != std::errc()) return out_of_range("float");
    return constant<float>(Type(TypeKind::float32), value);
  }
  if (same_word(suffix, "L") && whole) {
    std::int64_t value = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
    if (parsed.ec != std::errc()) return out_of_range("bigint");
    return constant<std::int64_t>(Type(TypeKind::int64), value);
  }
  if (same_word(suffix, "BD")) return decimal_literal(number);
  if (whole && (same_word(suffix, "S") || same_word(suffix, "Y"))) {
    return failure(fmt::format("'{}': there is no smallint or tinyint; leave the suffix out", text));
  }
  return failure(fmt::format("'{}' is no number; a name that begins with a digit stands in backquotes", text));
}

Result<ColumnPtr> date_constant(std::string_view text) {
  std::int32_t days = 0;
  if (!parse_date(text, days)) return failure(fmt::format("'{}' is no date (YYYY-MM-DD)", text));
  return constant<std::int32_t>(Type(TypeKind::date), days);
}

Result<ColumnPtr> timestamp_constant(std::string_view text) {
  std::int64_t micros = 0;
  if (!parse_timestamp(text, 0, micros))
    return failure(fmt::format("'{}' is no timestamp (YYYY-MM-DD HH:MM:SS)", text));
  return constant<std::int64_t>(Type(TypeKind::timestamp), micros);
}

Result<ColumnPtr> binary_constant(std::string_view text) {
  std::string bytes;
  std::string digits(text);
  if (digits.size() % 2 != 0) digits.insert(0, "0");
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    unsigned value = 0;
    const auto parsed = std::from_chars(digits.data() + i, digits.data() + i + 2, value, 16);
    if (parsed.ptr != digits.data() + i + 2) return failure(fmt::format("'{}' is no hexadecimal text", text));
    bytes += static_cast<char>(value);
  }
  MutableColumn column = Column::make_constant(Type(TypeKind::binary), 1);
  auto arena = std::make_shared<StringArena>();
  *column->values<StringRef>() = arena->copy(bytes);
  column->keep(arena);
  return ColumnPtr(column);
}

namespace {

constexpr std::int64_t kSecond = 1'000'000;

// Months, or microseconds, of a unit.
struct Unit {
  std::int64_t months = 0;
  std::int64_t micros = 0;
  IntervalUnit field = IntervalUnit::second;
};

std::optional<Unit> unit_of(std::string_view name) {
  struct Named {
    std::string_view name;
    Unit unit;
  };
  constexpr std::array<Named, 9> kUnits = {{{"year", {12, 0, IntervalUnit::year}},
                                            {"month", {1, 0, IntervalUnit::month}},
                                            {"week", {0, 7 * 86400 * kSecond, IntervalUnit::day}},
                                            {"day", {0, 86400 * kSecond, IntervalUnit::day}},
                                            {"hour", {0, 3600 * kSecond, IntervalUnit::hour}},
                                            {"minute", {0, 60 * kSecond, IntervalUnit::minute}},
                                            {"second", {0, kSecond, IntervalUnit::second}},
                                            {"millisecond", {0, 1000, IntervalUnit::second}},
                                            {"microsecond", {0, 1, IntervalUnit::second}}}};
  for (const Named& named : kUnits) {
    if (same_word(name, named.name)) return named.unit;
    if (name.size() == named.name.size() + 1 && (name.back() == 's' || name.back() == 'S') &&
        same_word(name.substr(0, named.name.size()), named.name)) {
      return named.unit;
    }
  }
  return std::nullopt;
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

std::unexpected<Error> no_interval(std::string_view text) {
  return failure(fmt::format("'{}' is no interval", text));
}

}  // namespace

void IntervalBuilder::include(IntervalUnit unit) {
  first_ = std::min(first_, unit);
  last_ = std::max(last_, unit);
}

Result<bool> IntervalBuilder::add(std::string_view amount, std::string_view unit_name) {
  const auto unit = unit_of(unit_name);
  if (!unit) return failure(fmt::format("'{}' is no unit of an interval", unit_name));
  std::string_view rest = trimmed(amount);
  bool negative = false;
  while (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
    negative = negative != (rest.front() == '-');
    rest = trimmed(rest.substr(1));
  }
  std::int64_t whole = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), whole);
  const std::string_view fraction = rest.substr(static_cast<std::size_t>(parsed.ptr - rest.data()));
  if (parsed.ec != std::errc() && !fraction.starts_with('.')) return no_interval(amount);
  std::int64_t micros_of_fraction = 0;
  if (!fraction.empty()) {
    if (fraction.front() != '.' || fraction.size() > 10 || unit->micros != kSecond) return no_interval(amount);
    std::int64_t scale = kSecond;
    for (const char c : fraction.substr(1)) {
      if (!is_digit(c)) return no_interval(amount);
      scale /= 10;
      micros_of_fraction += (c - '0') * scale;
    }
  }
  const std::int64_t sign = negative ? -1 : 1;
  include(unit->field);
  if (unit->months != 0) {
    any_months_ = true;
    const Int128 months = Int128(months_) + Int128(whole) * unit->months * sign;
    if (months > std::numeric_limits<std::int32_t>::max() || months < std::numeric_limits<std::int32_t>::min()) {
      return failure(fmt::format("interval '{}' {} is too long", amount, unit_name));
    }
    months_ = static_cast<std::int64_t>(months);
  } else {
    any_time_ = true;
    micros_ += (Int128(whole) * unit->micros + micros_of_fraction) * sign;
  }
  return true;
}

Result<bool> IntervalBuilder::add_range(std::string_view text, std::string_view from, std::string_view to) {
  constexpr std::array<std::string_view, 4> kNames = {"day", "hour", "minute", "second"};
  std::string_view rest = trimmed(text);
  bool negative = false;
  if (rest.starts_with('-') || rest.starts_with('+')) {
    negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  std::vector<std::string_view> parts;
  std::string separators;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= rest.size(); ++i) {
    if (i == rest.size() || rest[i] == '-' || rest[i] == ' ' || rest[i] == ':') {
      parts.push_back(rest.substr(start, i - start));
      if (i < rest.size()) separators += rest[i];
      start = i + 1;
    }
  }
  std::vector<std::string_view> units;
  std::string expected;
  if (same_word(from, "year") && same_word(to, "month")) {
    units = {"year", "month"};
    expected = "-";
  } else {
    std::size_t first = kNames.size();
    std::size_t last = 0;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      if (same_word(from, kNames[i])) first = i;
      if (same_word(to, kNames[i])) last = i;
    }
    if (first >= last) return failure(fmt::format("there are no intervals from {} to {}", from, to));
    for (std::size_t i = first; i <= last; ++i) {
      units.push_back(kNames[i]);
      if (i < last) expected += i == 0 ? ' ' : ':';
    }
  }
  if (parts.size() != units.size() || separators != expected) return no_interval(text);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty() || !is_digit(parts[i].front())) return no_interval(text);
    const std::string amount = (negative ? "-" : "") + std::string(parts[i]);
    if (auto added = add(amount, units[i]); !added) return added;
  }
  return true;
}

Result<bool> IntervalBuilder::add_text(std::string_view text) {
  std::string_view rest = trimmed(text);
  if (rest.size() > 8 && same_word(rest.substr(0, 8), "interval")) rest = trimmed(rest.substr(8));
  if (rest.empty()) return no_interval(text);
  while (!rest.empty()) {
    std::size_t number = 0;
    while (number < rest.size() && (is_digit(rest[number]) || std::string_view("+-. ").find(rest[number]) < 4))
      ++number;
    std::size_t end = number;
    while (end < rest.size() && rest[end] != ' ') ++end;
    if (number == 0 || end == number) return no_interval(text);
    if (auto added = add(rest.substr(0, number), rest.substr(number, end - number)); !added) return no_interval(text);
    rest = trimmed(rest.substr(end));
  }
  return true;
}

Result<ColumnPtr> IntervalBuilder::finish() const {
  if (any_months_ && any_time_) return failure("an interval holds years and months, or days and times, not both");
  if (any_months_) return constant<std::int32_t>(Type::interval(first_, last_), static_cast<std::int32_t>(months_));
  if (micros_ > std::numeric_limits<std::int64_t>::max() || micros_ < std::numeric_limits<std::int64_t>::min()) {
    return failure("an interval is too long");
  }
  return constant<std::int64_t>(Type::interval(first_, last_), static_cast<std::int64_t>(micros_));
}

}  // namespace streamrun
