#include "runner/expr/json/variant_cast.h"

#include <algorithm>

#include "runner/expr/functions/placing.h"
#include "runner/expr/json/json_typed.h"
#include "runner/expr/kernels.h"

namespace streamrun {

bool variant_castable(const Type& type) {
  switch (type.kind()) {
    case TypeKind::null:
    case TypeKind::month_interval:
    case TypeKind::day_interval: return false;
    case TypeKind::map: return type.key().kind() == TypeKind::string && variant_castable(type.value());
    default: break;
  }
  return std::ranges::all_of(type.fields(), [](const Field& field) { return variant_castable(field.type); });
}

void cast_variants(const KernelCall& call, const JsonPath* path, bool attempt) {
  const JsonTyping typing{cast_variant_scalar, &kVariantForm, false, {}};
  ValueBuilder builder(call.out.type());
  JsonText text;
  call.selection.for_each([&](std::uint32_t row) {
    const std::string_view whole = text_at(call, 0, row);
    if (!text.open(whole, kStrictJson)) return builder.append_null();
    JsonCursor& cursor = text.cursor();
    if (path != nullptr && !follow_json_path(cursor, *path)) return builder.append_null();
    const std::string_view shown = cursor.shown();
    const std::uint32_t rows = builder.rows();
    bool flawed = false;
    // A text is any value, objects and arrays too.
    const bool rendered =
        call.out.type().kind() == TypeKind::string && (cursor.token() == '{' || cursor.token() == '[');
    JsonRead read = JsonRead::ok;
    if (rendered) {
      std::string json;
      read = rewrite_json(cursor, 0, kVariantForm, json) ? JsonRead::ok : JsonRead::broken;
      if (read == JsonRead::ok) builder.append_string(json);
    } else {
      read = read_typed_json(typing, cursor, builder, flawed);
    }
    if (read == JsonRead::ok || read == JsonRead::null) return;
    builder.truncate(rows);
    builder.append_null();
    if (!attempt) {
      call.context.errors.add(row, "cannot cast the variant's " + excerpt(shown) + " to " + call.out.type().name());
    }
  });
  place_rows(call, builder.finish());
}

}  // namespace streamrun
