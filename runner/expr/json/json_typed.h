// JSON into values of a type, nested to any depth.
#pragma once

#include "runner/data/cell.h"
#include "runner/data/value_builder.h"
#include "runner/expr/json/json_text.h"

namespace streamrun {

// What is read and how strictly. Const, shared by threads.
struct JsonTyping {
  // The simple value at hand as one more row; passes it where it is ok. Mismatch: it is no such value.
  JsonRead (*scalar)(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out) = nullptr;
  // How a variant is written.
  const JsonForm* variants = &kReadForm;
  // A field of a structure that is no such value is null, and not a mismatch of the whole.
  bool partial = false;
  CompiledTime time;
};

// The value at hand as one more row of `out`, and passes it; where it is neither ok nor null there is no new row and
// the cursor is anywhere. `flawed` is set where a field was made null.
JsonRead read_typed_json(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out, bool& flawed);

// A field of from_json: numbers are numbers and texts are texts.
JsonRead read_json_scalar(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out);
// A value of a variant, cast as Spark's try_cast would.
JsonRead cast_variant_scalar(const JsonTyping& typing, JsonCursor& cursor, ValueBuilder& out);

}  // namespace streamrun
