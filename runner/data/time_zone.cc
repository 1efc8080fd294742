#include "runner/data/time_zone.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "runner/data/time_pattern.h"

namespace streamrun {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDaySeconds = 86'400;

struct Regions {
  std::unordered_map<std::string_view, const date::time_zone*> by_name;
  std::string fault;  // why there are none
};

// Read once, const afterwards. The only place where the library throws.
const Regions& regions() {
  static const Regions kRegions = [] {
    Regions made;
    try {
      for (const date::time_zone& zone : date::get_tzdb().zones) made.by_name.emplace(zone.name(), &zone);
    } catch (const std::exception& fault) {
      made.fault = fault.what();
    }
    return made;
  }();
  return kRegions;
}

// Java's ZoneId.SHORT_IDS.
std::string_view long_name(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 28> kShort = {
      {{"ACT", "Australia/Darwin"},
       {"AET", "Australia/Sydney"},
       {"AGT", "America/Argentina/Buenos_Aires"},
       {"ART", "Africa/Cairo"},
       {"AST", "America/Anchorage"},
       {"BET", "America/Sao_Paulo"},
       {"BST", "Asia/Dhaka"},
       {"CAT", "Africa/Harare"},
       {"CNT", "America/St_Johns"},
       {"CST", "America/Chicago"},
       {"CTT", "Asia/Shanghai"},
       {"EAT", "Africa/Addis_Ababa"},
       {"ECT", "Europe/Paris"},
       {"IET", "America/Indiana/Indianapolis"},
       {"IST", "Asia/Kolkata"},
       {"JST", "Asia/Tokyo"},
       {"MIT", "Pacific/Apia"},
       {"NET", "Asia/Yerevan"},
       {"NST", "Pacific/Auckland"},
       {"PLT", "Asia/Karachi"},
       {"PNT", "America/Phoenix"},
       {"PRT", "America/Puerto_Rico"},
       {"PST", "America/Los_Angeles"},
       {"SST", "Pacific/Guadalcanal"},
       {"VST", "Asia/Ho_Chi_Minh"},
       {"EST", "-05:00"},
       {"MST", "-07:00"},
       {"HST", "-10:00"}}};
  for (const auto& [from, to] : kShort) {
    if (name == from) return to;
  }
  return name;
}

// `+h +hh +h:m +hh:mm +hhmm +hh:mm:ss +hhmmss`, up to 18 hours.
std::optional<std::int64_t> offset_of(std::string_view text) {
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  std::array<std::int64_t, 3> parts{};
  std::array<int, 3> digits{};
  std::size_t part = 0;
  for (const char c : text.substr(1)) {
    if (c == ':') {
      if (digits[part] == 0 || ++part == parts.size()) return std::nullopt;
    } else if (c < '0' || c > '9' || ++digits[part] > 6) {
      return std::nullopt;
    } else {
      parts[part] = parts[part] * 10 + (c - '0');
    }
  }
  if (part == 0 && digits[0] == 4) {
    parts = {parts[0] / 100, parts[0] % 100, 0};
  } else if (part == 0 && digits[0] == 6) {
    parts = {parts[0] / 10'000, parts[0] / 100 % 100, parts[0] % 100};
  } else if (digits[0] > 2 || digits[part] == 0 || digits[1] > 2 || (part == 2 && (digits[1] != 2 || digits[2] != 2))) {
    return std::nullopt;
  }
  const std::int64_t seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
  if (parts[1] > 59 || parts[2] > 59 || seconds > 18 * 3600) return std::nullopt;
  return text[0] == '-' ? -seconds : seconds;
}

std::int64_t floor_seconds(std::int64_t micros) {
  return micros / kSecond - (micros % kSecond < 0 ? 1 : 0);
}

// The tables of the database end with 2037, their last rules go on: a later year is looked up as an earlier one whose
// days fall alike.
std::int64_t within_tables(std::int64_t seconds) {
  constexpr std::int64_t kLast = 2'114'380'800;  // 2037-01-01
  if (seconds < kLast) return seconds;
  const std::int64_t day = seconds / kDaySeconds;
  const CivilDate date = civil_from_days(static_cast<std::int32_t>(std::min<std::int64_t>(day, 2'000'000'000)));
  const auto start = [](std::int32_t year) { return std::int64_t{days_from_civil({year, 1, 1})}; };
  const std::int64_t first = start(date.year), length = start(date.year + 1) - first;
  for (std::int32_t year = 2009; year < 2037; ++year) {
    const bool alike = (first - start(year)) % 7 == 0 && start(year + 1) - start(year) == length;
    if (alike) return seconds - (first - start(year)) * kDaySeconds;
  }
  return seconds;
}

}  // namespace

Result<TimeZone> TimeZone::find(std::string_view name) {
  TimeZone zone;
  if (name == "Z") return zone;
  std::string_view rest = name.size() == 3 ? long_name(name) : name;
  for (const std::string_view prefix : {"UTC", "GMT", "UT"}) {
    if (!rest.starts_with(prefix)) continue;
    if (rest == prefix) return zone;
    if (offset_of(rest.substr(prefix.size()))) rest.remove_prefix(prefix.size());
    break;
  }
  if (const auto offset = offset_of(rest)) {
    zone.offset_ = *offset * kSecond;
    return zone;
  }
  const Regions& known = regions();
  if (known.by_name.empty()) {
    return failure(
        "this system has no time zones, so '" + std::string(name) +
        "' is unknown: install its tz database (on Debian: apt install tzdata), or write an offset such as +02:00");
  }
  const auto found = known.by_name.find(rest);
  if (found == known.by_name.end()) {
    return failure("'" + std::string(name) +
                   "' is no time zone; write a name such as Europe/Berlin, or an offset such as +02:00");
  }
  zone.region_ = found->second;
  return zone;
}

std::int64_t TimeZone::offset_at_utc(std::int64_t utc) const {
  if (region_ == nullptr) return offset_;
  const date::sys_seconds moment{std::chrono::seconds(within_tables(floor_seconds(utc)))};
  return static_cast<const date::time_zone*>(region_)->get_info(moment).offset.count() * kSecond;
}

std::int64_t TimeZone::offset_at_local(std::int64_t local) const {
  if (region_ == nullptr) return offset_;
  const date::local_seconds moment{std::chrono::seconds(within_tables(floor_seconds(local)))};
  // Before the change, where there is one: of a gap and of an overlap alike.
  return static_cast<const date::time_zone*>(region_)->get_info(moment).first.offset.count() * kSecond;
}

}  // namespace streamrun
