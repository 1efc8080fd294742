// CSV, its grammar in data/record_framing.h.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "operators/builtin_catalog.h"
#include "operators/formats/time_options.h"
#include "runner/data/codec.h"
#include "runner/data/csv_fields.h"
#include "runner/data/record_framing.h"
#include "runner/operator/option_faults.h"

namespace streamrun {

namespace {

// What becomes of a record that has too few fields or too many.
enum class CsvRagged : std::uint8_t { error, null };

}  // namespace

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

template <>
struct EnumNames<CsvRagged> {
  static constexpr std::pair<std::string_view, CsvRagged> names[] = {{"error", CsvRagged::error},
                                                                     {"null", CsvRagged::null}};
};

namespace {

struct CsvFormat : TimeOptions {
  Located<char> delimiter{',', {}};
  Located<CsvHeader> header;
  Located<char> quote{'"', {}};
  Located<char> escape;
  Located<char> comment;
  Located<bool> trim;
  Located<bool> multiline{true, {}};
  Located<std::vector<std::string>> null_value;
  Located<CsvRagged> ragged;

  CsvOptions options() const {
    CsvOptions made;
    made.delimiter = delimiter.value;
    made.header = header.value;
    made.quote = quote.value;
    if (escape.value != quote.value) made.escape = escape.value;
    made.comment = comment.value;
    made.trim = trim.value;
    made.multiline = multiline.value;
    made.ragged = ragged.value == CsvRagged::null;
    made.null_values = null_value.value;
    std::erase(made.null_values, "");
    made.time = formats();
    return made;
  }
};

class Check {
 public:
  Check(const CsvFormat& format, Span place, Diagnostics& diagnostics)
      : format_(format), place_(place), diagnostics_(diagnostics) {}

  // Without errors.
  bool run(const std::vector<Field>& columns) {
    const std::size_t errors = diagnostics_.error_count();
    check_patterns(format_, diagnostics_);
    characters();
    null_values();
    for (const Field& column : columns) {
      if (!column.type.is_nested() && column.type.kind() != TypeKind::variant) continue;
      diagnostics_.error("bad-format", place_,
                         fmt::format("csv has no form for column '{0}' of type {1}; use json, or to_json({0})",
                                     column.name, column.type.name()));
    }
    return diagnostics_.error_count() == errors;
  }

 private:
  void fault(Span place, std::string message) { diagnostics_.error("bad-option", place, std::move(message)); }

  // Each is one that nothing else is.
  void characters() {
    struct Sign {
      std::string_view name;
      const Located<char>* option;
    };
    const Sign signs[] = {{"delimiter", &format_.delimiter},
                          {"quote", &format_.quote},
                          {"escape", &format_.escape},
                          {"comment", &format_.comment}};
    for (std::size_t i = 0; i < std::size(signs); ++i) {
      const Located<char>& sign = *signs[i].option;
      if (sign.value == '\0' && sign.span == Span{}) continue;  // left out
      if (sign.value == '\n' || sign.value == '\r' || sign.value == '\0') {
        fault(sign.span, fmt::format("`{}` must not be a line end or a NUL", signs[i].name));
      }
      for (std::size_t k = 0; k < i; ++k) {
        const bool doubled = signs[k].name == "quote" && signs[i].name == "escape";
        if (signs[k].option->value != sign.value || doubled) continue;
        fault(place_of(sign, signs[k].option->span), fmt::format("{} and {} are the same character; write another for "
                                                                 "one of them",
                                                                 signs[k].name, signs[i].name));
      }
    }
  }

  void null_values() {
    for (const std::string& text : format_.null_value.value) {
      const auto holds = [&](char c) { return text.find(c) != std::string::npos; };
      if (holds('\n') || holds('\r') || holds(format_.delimiter.value) || holds(format_.quote.value)) {
        fault(format_.null_value.span,
              fmt::format("'{}': null_value must not hold the delimiter, the quote or a line end", text));
      } else if (!text.empty() && format_.comment.value != '\0' && text.front() == format_.comment.value) {
        fault(format_.null_value.span,
              fmt::format("'{}': null_value must not begin as a comment does; a record would be taken for one", text));
      } else if (format_.trim.value && text != without_blanks(text, format_.delimiter.value)) {
        fault(format_.null_value.span,
              fmt::format("'{}': blanks at the ends of null_value are trimmed before it is looked for; take them away",
                          text));
      }
    }
  }

  const CsvFormat& format_;
  Span place_;
  Diagnostics& diagnostics_;
};

std::optional<BoundFormat> bind_read(const CsvFormat& format, const FormatReadContext& context) {
  const Schema schema{context.declared->schema.columns, {}};
  if (!Check(format, context.place, context.diagnostics).run(schema.columns)) return std::nullopt;
  if (context.messages && format.header.value != CsvHeader::none) {
    refuse_in_messages("header", format.header.span, "the columns of the schema are in the order of the fields",
                       context);
  }
  if (context.messages && format.comment.value != '\0') {
    refuse_in_messages("comment", format.comment.span, "none of them is a comment", context);
  }
  return BoundFormat{schema.columns, [schema, options = format.options()](const std::vector<bool>& wanted) {
                       return make_csv_decoder(schema, wanted, options);
                     }};
}

bool check_write(const CsvFormat& format, const std::vector<Field>& columns, Span place, Diagnostics& diagnostics) {
  bool good = Check(format, place, diagnostics).run(columns);
  const auto refuse = [&](Span option, std::string_view message) {
    diagnostics.error("bad-option", option, std::string(message));
    good = false;
  };
  if (format.header.value == CsvHeader::skipped) {
    refuse(format.header.span, "`header: skip` is for what is read; write `header: true` or leave it out");
  }
  if (format.trim.value) {
    refuse(format.trim.span, "`trim` is for what is read; leave it out, and trim a value by the function of that name");
  }
  if (format.ragged.value != CsvRagged::error) {
    refuse(format.ragged.span, "`ragged` is for what is read; leave it out");
  }
  if (!format.multiline.value) {
    refuse(format.multiline.span,
           "`multiline` is for what is read: a value with a line end is written within quotes; leave it out, and "
           "replace line ends by regexp_replace where there must be none");
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
  Options<CsvFormat> options;
  options.optional("delimiter", &CsvFormat::delimiter, ",", "what stands between fields, one character")
      .optional("header", &CsvFormat::header, "false",
                "true: the first line of a file names the columns, which are read by name; skip: it is passed over")
      .optional(
          "quote", &CsvFormat::quote, "\"",
          "what stands around fields; doubled within them. Where quotes are mere text: a character that never comes, "
          "such as \"\\u0001\"")
      .optional("escape", &CsvFormat::escape, "the quote",
                "within quotes, what makes a quote or itself text; then quotes are not doubled")
      .optional("comment", &CsvFormat::comment, "none",
                "a line that begins with this character is passed over; none within quotes does")
      .optional("trim", &CsvFormat::trim, "false", "true: blanks and tabs around a field are no part of it")
      .optional("multiline", &CsvFormat::multiline, "true",
                "false: a line is a record, and none holds line ends within quotes")
      .optional("null_value", &CsvFormat::null_value, "",
                "the text of a null, or a list of them, the first of which is written; an empty field is one too, and "
                "so is an empty line of one column")
      .optional("ragged", &CsvFormat::ragged, "error",
                "a record of too few or too many fields is an error; null: what is missing is null, and what is too "
                "much is dropped");
  made.options = add_time_options(options).table();
  made.decode = format_decode<CsvFormat>(made.options);
  made.framing = [](const void* given) { return csv_framing(static_cast<const CsvFormat*>(given)->options()); };
  made.bind_read = [](const void* given, const FormatReadContext& context) {
    return bind_read(*static_cast<const CsvFormat*>(given), context);
  };
  made.check_write = [](const void* given, const std::vector<Field>& columns, Span place, Diagnostics& diagnostics) {
    return check_write(*static_cast<const CsvFormat*>(given), columns, place, diagnostics);
  };
  made.make_encoder = [](const void* given, const std::vector<Field>& columns) {
    return make_csv_encoder(columns, static_cast<const CsvFormat*>(given)->options());
  };
  return made;
}

}  // namespace streamrun
