// Schemas that from_json takes and schema_of_json gives.
#pragma once

#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/data/type.h"
#include "runner/expr/json/json_text.h"

namespace streamrun {

// `a int, b string not null`, or a whole type: a structure, an array or a map.
Result<Type> parse_json_schema(std::string_view text);

// The type of the value at hand, which is passed. False: the JSON is broken.
bool infer_json_type(JsonCursor& cursor, int depth, Type& type);
// Spark's SQL form: `STRUCT<a: BIGINT>`; a type that nothing is known of is STRING.
void append_sql_type(const Type& type, std::string& out);

}  // namespace streamrun
