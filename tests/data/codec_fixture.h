// Records and columns for tests of codecs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/data/codec.h"
#include "runner/data/stream_context.h"
#include "runner/data/text_value.h"

namespace streamrun {

// Lines in one buffer, as a reader of files hands them on; behind the last stands what must not be read.
inline RawRecords records_of(std::string_view text, std::string_view padding = "") {
  auto buffer = std::make_shared<std::string>(text);
  std::string behind(kPadding, '7');
  behind.replace(0, padding.size(), padding);
  *buffer += behind;
  RawRecords records;
  const char* begin = buffer->data();
  const char* const end = begin + text.size();
  while (begin < end) {
    const char* line = begin;
    while (line < end && *line != '\n') ++line;
    const char* last = line > begin && line[-1] == '\r' && line < end ? line - 1 : line;
    records.records.emplace_back(begin, static_cast<std::size_t>(last - begin));
    begin = line + 1;
  }
  records.keep = std::move(buffer);
  return records;
}

inline Schema schema_of(std::string_view type) {
  TypeSyntaxError error;
  const auto parsed = parse_type("struct<" + std::string(type) + ">", error);
  if (!parsed) throw std::runtime_error(error.message);
  return Schema{parsed->fields(), {}};
}

struct Decoded {
  std::vector<ColumnPtr> columns;
  std::vector<std::string> errors;  // by row, empty where there is none
  std::vector<std::uint32_t> skipped;
};

inline Decoded decode_all(const Decoder& decoder, const RawRecords& records, DecodeScratch* scratch = nullptr,
                          const StreamContext& context = {}) {
  Decoded result;
  RowErrors errors;
  result.columns = decoder.decode(records, context, 0, records.size(), scratch, errors, result.skipped);
  result.errors.resize(records.size());
  for (const RowError& error : errors.take()) result.errors[error.row] = error.message;
  return result;
}

// Row `row` as JSON array of its columns.
inline std::string row_text(const Decoded& decoded, std::uint32_t row) {
  std::string text;
  for (const ColumnPtr& column : decoded.columns) {
    if (!text.empty()) text += ' ';
    append_json(*column, row, text);
  }
  return text;
}

}  // namespace streamrun
