// Values of the case files: JSON to columns, and columns against what is expected.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "runner/data/column.h"

namespace streamrun {

using Json = nlohmann::ordered_json;

// The files of a folder of tests/cases, or what the environment variable names instead.
std::vector<Json> read_cases(const char* folder, const char* variable);

// The columns of `schema` over the rows of a case; else what is wrong with it.
std::optional<std::string> read_rows(const Json& schema_json, const std::vector<Json>& rows, Schema& schema,
                                     std::vector<ColumnPtr>& columns);

// Whether the value at `row` is the expected one; doubles within a relative tolerance.
bool matches(const Column& column, std::uint32_t row, const Json& expected, double tolerance);

}  // namespace streamrun
