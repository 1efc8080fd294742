// JSON, an object a line.
#include "operators/builtin_catalog.h"
#include "operators/formats/time_options.h"
#include "runner/data/codec.h"

namespace streamrun {

FormatDescriptor describe_json_format() {
  FormatDescriptor made;
  made.name = "json";
  made.rows = FormatDescriptor::Rows::lines;
  made.summary = "an object a line; unknown fields are ignored, missing ones are null";
  made.example = "{file: {path: in.jsonl}, format: json, schema: {id: bigint, tags: array<string>}}";
  made.needs_schema = true;
  made.options = Options<TimeFormats>{}
                     .optional("date_format", &TimeFormats::date_format, "", "pattern of dates; default yyyy-MM-dd")
                     .optional("timestamp_format", &TimeFormats::timestamp_format, "",
                               "pattern of timestamps; default ISO 8601, in UTC")
                     .table();
  made.decode = format_decode<TimeFormats>(made.options);
  made.check_read = [](const void* options, const Schema&, Span place, Diagnostics& diagnostics) {
    return check_patterns(*static_cast<const TimeFormats*>(options), place, diagnostics);
  };
  made.make_decoder = [](const void* options, const Schema& schema, const std::vector<bool>& wanted) {
    return make_json_decoder(schema, wanted, *static_cast<const TimeFormats*>(options));
  };
  made.check_write = [](const void* options, const std::vector<Field>&, Span place, Diagnostics& diagnostics) {
    return check_patterns(*static_cast<const TimeFormats*>(options), place, diagnostics);
  };
  made.make_encoder = [](const void* options, const std::vector<Field>& columns) {
    return make_json_encoder(columns, *static_cast<const TimeFormats*>(options));
  };
  return made;
}

}  // namespace streamrun
