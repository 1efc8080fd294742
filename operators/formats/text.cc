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
  made.bare_value = true;
  made.options = Options<NoFormatOptions>{}.table();
  made.decode = format_decode<NoFormatOptions>(made.options);
  made.bind_read = [](const void*, const FormatReadContext& context) -> std::optional<BoundFormat> {
    const Field column{"value", TypeKind::string};
    if (!check_only_column(column, "text", context)) return std::nullopt;
    return BoundFormat{{column},
                       [](const std::vector<bool>& wanted) { return make_text_decoder(!wanted.empty() && wanted[0]); }};
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
