// Durations, sizes and moments as users write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/base/strong_id.h"

namespace streamrun {

using Duration = std::chrono::milliseconds;

struct ByteSize {
  std::uint64_t bytes = 0;
  friend auto operator<=>(const ByteSize&, const ByteSize&) = default;
};

// `500ms 1s 5m 2h`; a whole, positive number and a unit. Nothing else is a duration.
Result<Duration> parse_duration(std::string_view text);
// `64KiB 10MB 1GiB 512B`, or a bare number of bytes.
Result<ByteSize> parse_byte_size(std::string_view text);
// An ISO time in UTC (`2024-05-06T07:08:09Z`, also without `Z`, a date alone) or milliseconds since 1970.
Result<BatchTime> parse_moment(std::string_view text);

std::string format_duration(Duration);     // the shortest exact form: 90s, 1500ms, 2h
std::string format_byte_size(ByteSize);    // 64KiB, 1GiB, else bytes
std::string format_batch_time(BatchTime);  // 2024-05-06T07:08:09Z, with .mmm where there are any

}  // namespace streamrun
