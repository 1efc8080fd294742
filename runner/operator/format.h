// What a format is: options that stand beside `format:` in a source, table or output, and codecs of data/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "runner/data/codec.h"
#include "runner/data/record_framing.h"
#include "runner/operator/options.h"

namespace streamrun {

// What a format is told of the source that it reads.
struct FormatReadContext {
  const SchemaOption* declared = nullptr;  // `schema:`, if there is one
  std::string_view source;                 // its kind
  bool messages = false;                   // its records come as such: nothing is cut, and none is a header or comment
  Span place;                              // of the format
  Diagnostics& diagnostics;
};

// A format with its options, for the records of one source.
struct BoundFormat {
  std::vector<Field> columns;
  std::function<std::unique_ptr<Decoder>(const std::vector<bool>& wanted)> make_decoder;
};

struct FormatDescriptor {
  std::string_view name;
  std::string_view summary;
  std::string_view example;   // YAML of a source or output that has it
  bool needs_schema = false;  // a source that reads it must have one
  bool can_fail = true;       // a message may be unreadable; a record that was cut out of bytes always may
  // A written row: its bytes, with a line end, or as one line, whatever it holds (a text of many can be cut).
  enum class Rows : std::uint8_t { bytes, ended, lines } rows = Rows::ended;
  // A row is its one value as it is, of which a null can be told from an empty text: a Kafka tombstone.
  bool bare_value = false;
  OptionTable options;
  std::function<OptionsPtr(const SyntaxNode&, std::string_view what, DecodeContext&)> decode;
  // How records that are read follow one another; null: they are lines.
  std::function<RecordFraming(const void* options)> framing;
  // Null where it cannot be read (or written).
  // A fault of the options (a bad pattern) or of the schema (text of two columns) is a diagnostic, and nothing.
  std::function<std::optional<BoundFormat>(const void* options, const FormatReadContext&)> bind_read;
  std::function<bool(const void* options, const std::vector<Field>& columns, Span place, Diagnostics&)> check_write;
  std::function<std::unique_ptr<Encoder>(const void* options, const std::vector<Field>& columns)> make_encoder;
};

// bind_read(), where there is one and the source has the schema that it asks for; else diagnosed, and nothing.
std::optional<BoundFormat> bind_format(const FormatDescriptor& format, const void* options,
                                       const FormatReadContext& context);

}  // namespace streamrun
