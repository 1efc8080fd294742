// A text as a value of a simple type, into its place in a column: for CSV fields and keys of maps.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runner/data/codec.h"
#include "runner/data/column.h"
#include "runner/data/time_pattern.h"

namespace streamrun {

// TimeFormats, compiled. A pattern that does not compile was refused before; it counts as none.
struct CompiledTime {
  std::optional<TimePattern> date;
  std::optional<TimePattern> timestamp;
};
CompiledTime compile_time(const TimeFormats& formats);

bool parse_date_cell(std::string_view text, const CompiledTime& time, std::int32_t& days);
// Never a time alone: it would take the day of the run.
bool parse_timestamp_cell(std::string_view text, const CompiledTime& time, std::int64_t& micros);

// `out` is the value's storage. Strings are copied into `arena`. False: the text is no such value, or the type
// is not a simple one. Never called with `variant`.
bool parse_cell(const Type& type, std::string_view text, const CompiledTime& time, StringArena& arena, std::byte* out);

// At most `most` bytes of what was found, cut between characters, with dots where it was cut.
std::string excerpt(std::string_view text, std::size_t most = 60);

}  // namespace streamrun
