// JSON, a value a line.
#include "operators/builtin_catalog.h"
#include "operators/formats/time_options.h"
#include "runner/data/codec.h"

namespace streamrun {

FormatDescriptor describe_json_format() {
  FormatDescriptor made;
  made.name = "json";
  made.rows = FormatDescriptor::Rows::lines;
  made.summary =
      "an object a line; unknown fields are ignored, missing ones are null; without a schema any values, in "
      "one column `value variant`";
  made.example = "{file: {path: in.jsonl}, format: json, schema: {id: bigint, tags: array<string>}}";
  Options<TimeOptions> options;
  made.options = add_time_options(options).table();
  made.decode = format_decode<TimeOptions>(made.options);
  made.bind_read = [](const void* given, const FormatReadContext& context) -> std::optional<BoundFormat> {
    const auto& own = *static_cast<const TimeOptions*>(given);
    if (!check_patterns(own, context.diagnostics)) return std::nullopt;
    if (context.declared == nullptr) {
      return BoundFormat{{{"value", TypeKind::variant}}, [](const std::vector<bool>& wanted) {
                           return make_json_value_decoder(!wanted.empty() && wanted[0]);
                         }};
    }
    const Schema schema{context.declared->schema.columns, {}};
    return BoundFormat{schema.columns, [schema, formats = own.formats()](const std::vector<bool>& wanted) {
                         return make_json_decoder(schema, wanted, formats);
                       }};
  };
  made.check_write = [](const void* given, const std::vector<Field>&, Span, Diagnostics& diagnostics) {
    return check_patterns(*static_cast<const TimeOptions*>(given), diagnostics);
  };
  made.make_encoder = [](const void* given, const std::vector<Field>& columns) {
    return make_json_encoder(columns, static_cast<const TimeOptions*>(given)->formats());
  };
  return made;
}

}  // namespace streamrun
