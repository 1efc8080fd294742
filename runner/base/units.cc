#include "runner/base/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace streamrun {
namespace {

using UnitTable = std::pair<std::string_view, std::uint64_t>;

constexpr std::array<UnitTable, 4> kDurationUnits{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<UnitTable, 10> kSizeUnits{{{"TiB", 1ULL << 40U},
                                                {"GiB", 1ULL << 30U},
                                                {"MiB", 1ULL << 20U},
                                                {"KiB", 1ULL << 10U},
                                                {"TB", 1'000'000'000'000},
                                                {"GB", 1'000'000'000},
                                                {"MB", 1'000'000},
                                                {"KB", 1'000},
                                                {"kB", 1'000},
                                                {"B", 1}}};
// A century: far from every overflow of milliseconds and nanoseconds.
constexpr std::uint64_t kLongestDuration = 36'525ULL * 24 * 3'600'000;
constexpr std::uint64_t kLargestSize = std::numeric_limits<std::int64_t>::max();

std::string quoted(std::string_view text) {
  return text.size() <= 60 ? fmt::format("'{}'", text) : fmt::format("'{}…'", text.substr(0, 60));
}

struct Amount {
  std::uint64_t number = 0;
  std::string_view unit;
  bool too_large = false;
};

// Digits without a leading zero, then anything.
std::optional<Amount> split_amount(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  if (digits == 0 || (digits > 1 && text[0] == '0')) return std::nullopt;
  Amount amount;
  amount.unit = text.substr(digits);
  const auto [end, fault] = std::from_chars(text.data(), text.data() + digits, amount.number);
  amount.too_large = fault != std::errc();
  return amount;
}

template <std::size_t N>
std::optional<std::uint64_t> unit_of(const std::array<UnitTable, N>& units, std::string_view name) {
  for (const auto& [unit, factor] : units) {
    if (unit == name) return factor;
  }
  return std::nullopt;
}

// `count` digits at `at`, which moves behind them.
std::optional<int> fixed_digits(std::string_view text, std::size_t& at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  at += count;
  return number;
}

bool skip(std::string_view text, std::size_t& at, char c) {
  if (at >= text.size() || text[at] != c) return false;
  ++at;
  return true;
}

// `HH:MM[:SS[.mmm]]` as milliseconds of the day.
std::optional<std::int64_t> time_of_day(std::string_view text, std::size_t& at) {
  const auto hour = fixed_digits(text, at, 2);
  if (!hour || *hour > 23 || !skip(text, at, ':')) return std::nullopt;
  const auto minute = fixed_digits(text, at, 2);
  if (!minute || *minute > 59) return std::nullopt;
  std::int64_t millis = (*hour * 60 + *minute) * 60'000LL;
  if (!skip(text, at, ':')) return millis;
  const auto second = fixed_digits(text, at, 2);
  if (!second || *second > 59) return std::nullopt;
  millis += *second * 1000LL;
  if (!skip(text, at, '.')) return millis;
  int place = 100;
  const std::size_t begin = at;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    if (place == 0 && text[at] != '0') return std::nullopt;  // finer than a batch's time can be
    millis += place * (text[at] - '0');
    place /= 10;
    ++at;
  }
  return at == begin ? std::nullopt : std::optional(millis);
}

std::optional<std::int64_t> iso_moment(std::string_view text) {
  std::size_t at = 0;
  const auto year = fixed_digits(text, at, 4);
  if (!year || !skip(text, at, '-')) return std::nullopt;
  const auto month = fixed_digits(text, at, 2);
  if (!month || !skip(text, at, '-')) return std::nullopt;
  const auto day = fixed_digits(text, at, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  std::int64_t millis = std::chrono::sys_days(date).time_since_epoch().count() * 86'400'000LL;
  if (at == text.size()) return millis;
  if (!skip(text, at, 'T') && !skip(text, at, ' ')) return std::nullopt;
  const auto time = time_of_day(text, at);
  if (!time) return std::nullopt;
  millis += *time;
  skip(text, at, 'Z');
  return at == text.size() ? std::optional(millis) : std::nullopt;
}

// In small letters, without blanks and underscores.
std::string squeezed(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != ' ' && c != '_') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

// What was meant by a number and a unit in words, as other systems write them: `; write 1s`, or nothing.
std::string duration_hint(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kWords{{{"millisecond", "ms"},
                                                                                  {"milliseconds", "ms"},
                                                                                  {"millis", "ms"},
                                                                                  {"msec", "ms"},
                                                                                  {"msecs", "ms"},
                                                                                  {"ms", "ms"},
                                                                                  {"second", "s"},
                                                                                  {"seconds", "s"},
                                                                                  {"sec", "s"},
                                                                                  {"secs", "s"},
                                                                                  {"s", "s"},
                                                                                  {"minute", "m"},
                                                                                  {"minutes", "m"},
                                                                                  {"min", "m"},
                                                                                  {"mins", "m"},
                                                                                  {"m", "m"},
                                                                                  {"hour", "h"},
                                                                                  {"hours", "h"},
                                                                                  {"hr", "h"},
                                                                                  {"hrs", "h"},
                                                                                  {"h", "h"},
                                                                                  {"day", "d"},
                                                                                  {"days", "d"},
                                                                                  {"d", "d"}}};
  const std::string plain = squeezed(text);
  const auto amount = split_amount(plain);
  if (!amount || amount->number == 0 || amount->too_large) return {};
  if (amount->unit.empty()) return fmt::format("; write {0}ms or {0}s", amount->number);
  for (const auto& [word, unit] : kWords) {
    if (amount->unit != word) continue;
    return unit == "d" ? fmt::format("; write {}h", amount->number * 24)
                       : fmt::format("; write {}{}", amount->number, unit);
  }
  return {};
}

std::string size_hint(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kWords{{{"k", "KiB"},
                                                                                  {"kb", "KB"},
                                                                                  {"kib", "KiB"},
                                                                                  {"m", "MiB"},
                                                                                  {"mb", "MB"},
                                                                                  {"mib", "MiB"},
                                                                                  {"g", "GiB"},
                                                                                  {"gb", "GB"},
                                                                                  {"gib", "GiB"},
                                                                                  {"t", "TiB"},
                                                                                  {"tb", "TB"},
                                                                                  {"tib", "TiB"}}};
  const std::string plain = squeezed(text);
  const auto amount = split_amount(plain);
  if (!amount || amount->too_large) return {};
  for (const auto& [word, unit] : kWords) {
    if (amount->unit == word) return fmt::format("; write {}{}", amount->number, unit);
  }
  return {};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto amount = split_amount(text);
  const auto factor = amount ? unit_of(kDurationUnits, amount->unit) : std::nullopt;
  if (!factor || (amount->number == 0 && !amount->too_large)) {
    return failure(fmt::format("{} is no duration; write a whole, positive number and a unit: 500ms, 1s, 5m, 2h{}",
                               quoted(text), duration_hint(text)));
  }
  if (amount->too_large || amount->number > kLongestDuration / *factor) {
    return failure(fmt::format("{} is too long for a duration; the longest is 100 years", quoted(text)));
  }
  return Duration(static_cast<std::int64_t>(amount->number * *factor));
}

Result<ByteSize> parse_byte_size(std::string_view text) {
  const auto amount = split_amount(text);
  const auto factor = !amount                ? std::nullopt
                      : amount->unit.empty() ? std::optional<std::uint64_t>(1)
                                             : unit_of(kSizeUnits, amount->unit);
  if (!factor) {
    return failure(fmt::format("{} is no size; write a whole number and a unit: 64KiB, 10MB, 1GiB, 512B{}",
                               quoted(text), size_hint(text)));
  }
  if (amount->too_large || amount->number > kLargestSize / *factor) {
    return failure(fmt::format("{} is too large for a size", quoted(text)));
  }
  return ByteSize{amount->number * *factor};
}

Result<BatchTime> parse_moment(std::string_view text) {
  // No further than the year 9999.
  constexpr std::uint64_t kLast = 253'402'300'799'999;
  if (const auto amount = split_amount(text); amount && amount->unit.empty()) {
    if (amount->too_large || amount->number > kLast) {
      return failure(fmt::format("{} is behind the year 9999; a number is in milliseconds since 1970", quoted(text)));
    }
    return BatchTime(static_cast<std::int64_t>(amount->number));
  }
  if (const auto millis = iso_moment(text)) return BatchTime(*millis);
  return failure(fmt::format("{} is no time; write it in UTC as 2024-05-06T07:08:09Z, or as milliseconds since 1970",
                             quoted(text)));
}

std::string format_duration(Duration duration) {
  const std::int64_t millis = duration.count();
  if (millis == 0) return "0s";
  for (const auto& [unit, factor] : kDurationUnits) {
    const auto signed_factor = static_cast<std::int64_t>(factor);
    if (millis % signed_factor == 0) return fmt::format("{}{}", millis / signed_factor, unit);
  }
  return fmt::format("{}ms", millis);
}

std::string format_byte_size(ByteSize size) {
  for (const auto& [unit, factor] : kSizeUnits) {
    if (unit.size() == 3 && size.bytes != 0 && size.bytes % factor == 0) {
      return fmt::format("{}{}", size.bytes / factor, unit);
    }
  }
  return fmt::format("{}B", size.bytes);
}

std::string format_batch_time(BatchTime time) {
  const std::chrono::sys_time<Duration> moment{Duration(time.value)};
  const auto days = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(days);
  const std::int64_t millis = (moment - days).count();
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 millis / 3'600'000, millis / 60'000 % 60, millis / 1000 % 60);
  if (millis % 1000 != 0) text += fmt::format(".{:03}", millis % 1000);
  return text + "Z";
}

}  // namespace streamrun
