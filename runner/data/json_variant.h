// Variants: JSON values of any shape, kept as text in one form, whichever way they came in.
//
// No blanks. Of names that come twice in an object the last is kept. Numbers are whole, or decimals without trailing
// zeros; with an exponent, or over 38 digits, they are doubles as Spark writes them, and past all doubles the texts
// "Infinity" and "-Infinity".
#pragma once

#include <string>
#include <string_view>

#include "runner/data/json_cursor.h"

namespace streamrun {

// The value at hand, checked all through, appended as a variant; passes it. False: the cursor says why.
bool append_variant(JsonCursor& cursor, JsonContext& context, int depth, std::string& out);

// A number as JSON has it; `whole`: it has neither a fraction nor an exponent.
void append_variant_number(std::string_view text, bool whole, std::string& out);
// As the nearest double, which is a quoted text where it is infinite.
void append_double_of(std::string_view text, std::string& out);

}  // namespace streamrun
