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

struct FormatDescriptor {
  std::string_view name;
  std::string_view summary;
  std::string_view example;   // YAML of a source or output that has it
  bool needs_schema = false;  // json, csv
  bool can_fail = true;       // a record may be unreadable
  // A written row: its bytes, with a line end, or as one line, whatever it holds (a text of many can be cut).
  enum class Rows : std::uint8_t { bytes, ended, lines } rows = Rows::ended;
  // The schema of a format without one: text is (value string), raw (value binary).
  std::optional<Schema> own_schema;
  OptionTable options;
  std::function<OptionsPtr(const SyntaxNode&, std::string_view what, DecodeContext&)> decode;
  // How records that are read follow one another; null: they are lines.
  std::function<RecordFraming(const void* options)> framing;
  // Null where it cannot be read (or written).
  // A fault of the options (a bad pattern) or of the schema (text of two columns) is a diagnostic.
  std::function<bool(const void* options, const Schema& schema, Span place, Diagnostics&)> check_read;
  std::function<std::unique_ptr<Decoder>(const void* options, const Schema& schema, const std::vector<bool>& wanted)>
      make_decoder;
  std::function<bool(const void* options, const std::vector<Field>& columns, Span place, Diagnostics&)> check_write;
  std::function<std::unique_ptr<Encoder>(const void* options, const std::vector<Field>& columns)> make_encoder;
};

}  // namespace streamrun
