// Lines of text.
#include <string>

#include "operators/builtin_catalog.h"
#include "operators/formats/time_options.h"
#include "runner/data/codec.h"

namespace streamrun {

FormatDescriptor describe_text_format() {
  FormatDescriptor made;
  made.name = "text";
  made.summary = "lines of text, one column `value`";
  made.example = "{file: {path: in.txt}, format: text}";
  made.own_schema = Schema{{{"value", TypeKind::string}}, {}};
  made.options = Options<NoFormatOptions>{}.table();
  made.decode = format_decode<NoFormatOptions>(made.options);
  made.check_read = [](const void*, const Schema& schema, Span place, Diagnostics& diagnostics) {
    if (schema.columns == std::vector<Field>{{"value", TypeKind::string}}) return true;
    diagnostics.error("bad-format", place, "format text has one column, (value string)");
    return false;
  };
  made.make_decoder = [](const void*, const Schema&, const std::vector<bool>& wanted) {
    return make_text_decoder(!wanted.empty() && wanted[0]);
  };
  made.check_write = [](const void*, const std::vector<Field>& columns, Span place, Diagnostics& diagnostics) {
    if (columns.size() != 1) {
      diagnostics.error(
          "bad-format", place,
          "format text writes one column, not " + std::to_string(columns.size()) + "; name it in columns");
      return false;
    }
    return true;
  };
  made.make_encoder = [](const void*, const std::vector<Field>& columns) { return make_text_encoder(columns[0]); };
  return made;
}

}  // namespace streamrun
