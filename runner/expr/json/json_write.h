// Values as JSON in Spark's form: what to_json gives.
#pragma once

#include <string>

#include "runner/data/cell.h"
#include "runner/data/column.h"

namespace streamrun {

struct JsonWriting {
  CompiledTime time;       // a pattern for timestamps has to be there
  bool omit_nulls = true;  // fields of structures that are null are left out
};

void write_json(const JsonWriting& writing, const Column& column, std::uint32_t row, std::string& out);

}  // namespace streamrun
