// Bytes as they are.
#include <string>

#include "operators/builtin_catalog.h"
#include "operators/formats/time_options.h"
#include "runner/data/codec.h"

namespace streamrun {

namespace {

struct RawOptions {
  Located<std::uint32_t> record_length;
};

}  // namespace

FormatDescriptor describe_raw_format() {
  FormatDescriptor made;
  made.name = "raw";
  made.summary = "bytes as they are, one column `value`";
  made.can_fail = false;
  made.rows = FormatDescriptor::Rows::bytes;
  made.example = "{file: {path: in.bin}, format: raw}";
  made.bare_value = true;
  made.options = Options<RawOptions>{}
                     .optional("record_length", &RawOptions::record_length, "",
                               "bytes of each record; without it, lines", {1, 1 << 20})
                     .table();
  made.decode = format_decode<RawOptions>(made.options);
  made.framing = [](const void* options) {
    return RecordFraming{.length = static_cast<const RawOptions*>(options)->record_length.value, .text = false};
  };
  made.bind_read = [](const void* options, const FormatReadContext& context) -> std::optional<BoundFormat> {
    const Field column{"value", TypeKind::binary};
    const auto& length = static_cast<const RawOptions*>(options)->record_length;
    if (!check_only_column(column, "raw", context)) return std::nullopt;
    if (context.messages && length.value != 0) {
      refuse_in_messages("record_length", length.span, "a record is as long as its message", context);
    }
    return BoundFormat{{column},
                       [](const std::vector<bool>& wanted) { return make_raw_decoder(!wanted.empty() && wanted[0]); }};
  };
  made.check_write = [](const void* options, const std::vector<Field>& columns, Span place, Diagnostics& diagnostics) {
    if (const auto& length = static_cast<const RawOptions*>(options)->record_length; length.value != 0) {
      diagnostics.error("bad-option", length.span, "`record_length` cuts what is read; bytes are written as they are");
      return false;
    }
    if (columns.size() != 1) {
      diagnostics.error("bad-format", place,
                        "format raw writes one column, not " + std::to_string(columns.size()) + "; name it in columns");
      return false;
    }
    const TypeKind kind = columns[0].type.kind();
    if (kind != TypeKind::string && kind != TypeKind::binary) {
      diagnostics.error("bad-format", place,
                        "format raw writes a string or binary column, not " + columns[0].type.name());
      return false;
    }
    return true;
  };
  made.make_encoder = [](const void*, const std::vector<Field>& columns) { return make_raw_encoder(columns[0]); };
  return made;
}

}  // namespace streamrun
