// Values of keys as a table of groups keeps them: equal ones are the same bytes, and the same value.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "runner/data/column.h"

namespace streamrun {

// Equal values have equal bytes, and no encoding begins another's.
void encode_value(const Column& column, std::uint32_t row, std::string& out);
// These rows behind those of `to`, with 0.0 for -0.0, which is the same key: a group's is not that of whichever row
// came first.
void append_keys(const ColumnPtr& keys, std::span<const std::uint32_t> rows, ColumnBuilder& to);

}  // namespace streamrun
