// Decoders and encoders: records to columns and back. Const, shared by threads; what they need to
// remember between calls is a scratch object of the thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/data/raw_records.h"
#include "runner/data/record_batch.h"
#include "runner/data/type.h"

namespace streamrun {

struct RecordFraming;
struct StreamContext;

class DecodeScratch {
 public:
  virtual ~DecodeScratch() = default;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual std::unique_ptr<DecodeScratch> scratch() const { return nullptr; }
  // Records [first, first + count) as rows 0…count: a column for each of the schema that was wanted, null
  // pointers for the others. A record that cannot be read is an error of its row; its values are anything.
  // Strings may point into the records' buffer: the columns keep `records.keep`.
  // Rows that are no records (a CSV header, a blank line) are put into `skipped`, ascending.
  virtual std::vector<ColumnPtr> decode(const RawRecords& records, const StreamContext& context, std::uint32_t first,
                                        std::uint32_t count, DecodeScratch* scratch, RowErrors& errors,
                                        std::vector<std::uint32_t>& skipped) const = 0;
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  // What stands before the first row of a file (a CSV header, line end included), or nothing.
  virtual std::string_view header() const { return {}; }
  // What encloses values that hold line ends; 0: a line end always ends a row. Within it the byte behind an escape, if
  // there is one, ends nothing.
  virtual char quote() const { return '\0'; }
  virtual char escape() const { return '\0'; }
  // Appends row `row` of `columns`, line end included.
  // Hot callers pass all selected rows at once.
  virtual void encode(const std::vector<ColumnPtr>& columns, const Selection& selection, std::string& out) const = 0;
};

struct TimeFormats {
  std::string date_format;  // Spark's patterns; empty: the forms of language.md, section 5
  std::string timestamp_format;
};

// What the first record of a file is. It is written as `names` only.
enum class CsvHeader : std::uint8_t {
  none,     // a record as any other
  names,    // the names of the columns, by which they are read
  skipped,  // nothing; fields are in the order of the schema
};

struct CsvOptions {
  char delimiter = ',';
  CsvHeader header = CsvHeader::none;
  char quote = '"';
  char escape = '\0';     // before quotes and escapes within quotes; NUL: quotes are doubled
  char comment = '\0';    // a record that begins with it is none
  bool trim = false;      // blanks around a field are no part of it
  bool multiline = true;  // a record may hold line ends within quotes
  bool ragged = false;    // fields that are missing are null, and surplus ones are dropped
  // Texts of a null besides the empty one; the first is the one that is written.
  std::vector<std::string> null_values;
  TimeFormats time;

  bool is_null(std::string_view text) const {
    for (const std::string& one : null_values) {
      if (text == one) return true;
    }
    return text.empty();
  }
};

RecordFraming csv_framing(const CsvOptions&);

// `wanted[i]`: column i of `schema` is read by somebody.
std::unique_ptr<Decoder> make_json_decoder(const Schema& schema, const std::vector<bool>& wanted, const TimeFormats&);
// One column, a variant: the record, whatever JSON value it is.
std::unique_ptr<Decoder> make_json_value_decoder(bool wanted);
std::unique_ptr<Decoder> make_csv_decoder(const Schema& schema, const std::vector<bool>& wanted, const CsvOptions&);
// One column, `value` string; bytes that are not UTF-8 are a record error. `raw`: binary, anything goes.
std::unique_ptr<Decoder> make_text_decoder(bool wanted);
std::unique_ptr<Decoder> make_raw_decoder(bool wanted);

// `columns`: names and types in the order they are written.
std::unique_ptr<Encoder> make_json_encoder(const std::vector<Field>& columns, const TimeFormats&);
std::unique_ptr<Encoder> make_csv_encoder(const std::vector<Field>& columns, const CsvOptions&);
std::unique_ptr<Encoder> make_text_encoder(const Field& column);  // cast to string, a line a row; null is empty
std::unique_ptr<Encoder> make_raw_encoder(const Field& column);   // bytes as they are, no line end
// Spark's console: a row is its value, or `(a,b,c)`.
std::unique_ptr<Encoder> make_console_encoder(const std::vector<Field>& columns);

// One value as JSON, as language.md section 5 writes it: for messages, tests and reports.
void append_json(const Column& column, std::uint32_t row, std::string& out);
// A row as a JSON object of the fields whose columns are there.
std::string row_as_json(const std::vector<Field>& fields, const std::vector<ColumnPtr>& columns, std::uint32_t row);

}  // namespace streamrun
