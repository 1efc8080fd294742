// Time zones by name or offset, from the system's tz database.
#pragma once

#include <cstdint>
#include <string_view>

#include "runner/base/result.h"

namespace streamrun {

// Small, const, cheap to copy. Times are microseconds; local ones count as if their clock were UTC's.
class TimeZone {
 public:
  TimeZone() = default;  // UTC
  // As java.time's ZoneId reads it: `Z`, `+2`, `+02:00`, `UTC+1`, `Europe/Berlin`, and Java's short ones (`PST`). An
  // error says what to write, or that the system has no tz database.
  static Result<TimeZone> find(std::string_view name);

  static TimeZone fixed(std::int32_t seconds) {
    TimeZone zone;
    zone.offset_ = std::int64_t{seconds} * 1'000'000;
    return zone;
  }

  std::int64_t to_local(std::int64_t utc) const { return utc + offset_at_utc(utc); }
  // A time that a gap leaves out is moved behind it by the gap's length; of one that is there twice it is the earlier.
  std::int64_t to_utc(std::int64_t local) const { return local - offset_at_local(local); }

 private:
  std::int64_t offset_at_utc(std::int64_t utc) const;
  std::int64_t offset_at_local(std::int64_t local) const;

  const void* region_ = nullptr;  // of the library; null: a fixed offset
  std::int64_t offset_ = 0;
};

}  // namespace streamrun
