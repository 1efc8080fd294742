// Paths into JSON: `$.a[0]['b c']`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/expr/json/json_text.h"

namespace streamrun {

struct JsonStep {
  enum class Kind : std::uint8_t { name, index, each_element, each_field };
  Kind kind = Kind::name;
  std::string name;
  std::uint32_t index = 0;
};
using JsonPath = std::vector<JsonStep>;

// `wildcards`: `[*]` and `.*` may stand, and double quotes may not (get_json_object); else the reverse (variants).
Result<JsonPath> parse_json_path(std::string_view text, bool wildcards);

// Moves the cursor to the value that a path without wildcards leads to. False: there is none, or the JSON is broken.
bool follow_json_path(JsonCursor& cursor, const JsonPath& path);

// What get_json_object gives for the value at hand, appended. False: nothing, and `out` holds anything; where the
// cursor has a reason, the JSON is broken.
bool extract_json_path(JsonCursor& cursor, const JsonPath& path, std::string& out);

}  // namespace streamrun
