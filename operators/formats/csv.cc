// CSV, its grammar in data/record_framing.h.
#include <string>

#include "operators/builtin_catalog.h"
#include "operators/formats/time_options.h"
#include "runner/data/codec.h"
#include "runner/data/record_framing.h"
#include "runner/operator/option_faults.h"

namespace streamrun {

// A boolean, or `skip`.
template <>
struct Codec<CsvHeader> {
  static Shape shape() { return Shape::any({Shape::of_kind(Shape::Kind::boolean), Shape::choice_of({"skip"})}); }
  static bool decode(const SyntaxNode& node, CsvHeader& out, DecodeContext& context) {
    if (const auto names = read_boolean(node)) {
      out = *names ? CsvHeader::names : CsvHeader::none;
    } else if (has_text(node) && node.text.value() == "skip") {
      out = CsvHeader::skipped;
    } else {
      return wrong_type(node, "true, false or skip", context);
    }
    return true;
  }
};

namespace {

// As declared; CsvOptions holds the patterns in a struct of their own.
struct CsvFormat {
  char delimiter = ',';
  CsvHeader header = CsvHeader::none;
  char quote = '"';
  bool multiline = true;
  std::string null_value;
  std::string date_format;
  std::string timestamp_format;

  CsvOptions options() const {
    CsvOptions made;
    made.delimiter = delimiter;
    made.header = header;
    made.quote = quote;
    made.multiline = multiline;
    if (!null_value.empty()) made.null_values = {null_value};
    made.time = {date_format, timestamp_format};
    return made;
  }
};

CsvOptions csv_options(const void* options) {
  return static_cast<const CsvFormat*>(options)->options();
}

bool check(const CsvOptions& options, const std::vector<Field>& columns, Span place, Diagnostics& diagnostics) {
  bool good = check_patterns(options.time, place, diagnostics);
  const auto fault = [&](std::string code, std::string message) {
    diagnostics.error(std::move(code), place, std::move(message));
    good = false;
  };
  if (options.delimiter == options.quote)
    fault("bad-option", "delimiter and quote are the same character; write another for one of them");
  for (const char c : {options.delimiter, options.quote}) {
    if (c == '\n' || c == '\r' || c == '\0') fault("bad-option", "delimiter and quote must not be a line end or a NUL");
  }
  for (const std::string& text : options.null_values) {
    if (text.find_first_of("\r\n") == std::string::npos && text.find(options.delimiter) == std::string::npos &&
        text.find(options.quote) == std::string::npos) {
      continue;
    }
    fault("bad-option", "null_value must not hold the delimiter, the quote or a line end");
  }
  for (const Field& column : columns) {
    if (column.type.is_nested() || column.type.kind() == TypeKind::variant) {
      fault("bad-format", "csv has no form for column '" + column.name + "' of type " + column.type.name() +
                              "; use json, or to_json(" + column.name + ")");
    }
  }
  return good;
}

}  // namespace

FormatDescriptor describe_csv_format() {
  FormatDescriptor made;
  made.name = "csv";
  made.summary = "records of fields, in the order of the schema or by the names of a header";
  made.example = "{file: {path: in.csv}, format: csv, header: true, schema: {id: bigint, day: date}}";
  made.needs_schema = true;
  made.options =
      Options<CsvFormat>{}
          .optional("delimiter", &CsvFormat::delimiter, ",", "what stands between fields, one character")
          .optional("header", &CsvFormat::header, "false",
                    "true: the first line of a file names the columns, which are read by name; skip: it is passed over")
          .optional("quote", &CsvFormat::quote, "\"", "what stands around fields; doubled within them")
          .optional("multiline", &CsvFormat::multiline, "true",
                    "false: a line is a record, and none holds line ends within quotes")
          .optional("null_value", &CsvFormat::null_value, "",
                    "the text of a null; an empty field is one too, and so is an empty line of one column")
          .optional("date_format", &CsvFormat::date_format, "", "pattern of dates; default yyyy-MM-dd")
          .optional("timestamp_format", &CsvFormat::timestamp_format, "",
                    "pattern of timestamps; default ISO 8601, in UTC")
          .table();
  made.decode = format_decode<CsvFormat>(made.options);
  made.framing = [](const void* options) { return csv_framing(csv_options(options)); };
  made.check_read = [](const void* options, const Schema& schema, Span place, Diagnostics& diagnostics) {
    return check(csv_options(options), schema.columns, place, diagnostics);
  };
  made.make_decoder = [](const void* options, const Schema& schema, const std::vector<bool>& wanted) {
    return make_csv_decoder(schema, wanted, csv_options(options));
  };
  made.check_write = [](const void* options, const std::vector<Field>& columns, Span place, Diagnostics& diagnostics) {
    if (csv_options(options).header == CsvHeader::skipped) {
      diagnostics.error("bad-option", place,
                        "`header: skip` is for what is read; write `header: true` or leave it out");
      return false;
    }
    return check(csv_options(options), columns, place, diagnostics);
  };
  made.make_encoder = [](const void* options, const std::vector<Field>& columns) {
    return make_csv_encoder(columns, csv_options(options));
  };
  return made;
}

}  // namespace streamrun
