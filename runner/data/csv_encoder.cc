// Rows as CSV: fields are quoted where they must be, so that reading gives the same values, nulls included.
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "runner/data/codec.h"
#include "runner/data/record_framing.h"
#include "runner/data/row_writer.h"
#include "runner/data/text_value.h"

namespace streamrun {
namespace {

class CsvEncoder final : public Encoder {
 public:
  CsvEncoder(const std::vector<Field>& columns, CsvOptions options)
      : options_(std::move(options)), time_(compile_time(options_.time)) {
    if (!options_.null_values.empty()) null_ = options_.null_values.front();
    for (const Field& column : columns) kinds_.push_back(column.type.kind());
    if (options_.header == CsvHeader::none) return;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i != 0) header_ += options_.delimiter;
      append_field(columns[i].name, i == 0, header_);
    }
    header_ += '\n';
  }

  std::string_view header() const override { return header_; }
  char quote() const override { return options_.quote; }
  char escape() const override { return options_.escape; }

  void encode(const std::vector<ColumnPtr>& columns, const Selection& selection, std::string& out) const override {
    std::vector<ColumnCursor> cursors(kinds_.size());
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      cursors[k].column = columns[k].get();
      cursors[k].rare = is_rare(kinds_[k]);
    }
    write_chunks(
        selection.count(), out,
        [&](std::uint32_t begin, std::uint32_t end) { return prepare(cursors, selection, begin, end); },
        [&](std::uint32_t begin, std::uint32_t end, char* p) {
          for (std::uint32_t i = begin; i < end; ++i) {
            for (std::size_t k = 0; k < cursors.size(); ++k) {
              if (k != 0) *p++ = options_.delimiter;
              p = write_cell(cursors[k], kinds_[k], selection[i], i - begin, k == 0, p);
            }
            *p++ = '\n';
          }
          return p;
        });
  }

 private:
  // Types whose texts may need quotes, or have no quick writer.
  bool is_rare(TypeKind kind) const {
    switch (kind) {
      case TypeKind::boolean:
      case TypeKind::int32:
      case TypeKind::int64:
      case TypeKind::float32:
      case TypeKind::float64: return plain_delimiter() == false;
      case TypeKind::string: return false;
      case TypeKind::date: return time_.date.has_value() || !plain_delimiter();
      case TypeKind::timestamp: return time_.timestamp.has_value() || !plain_delimiter();
      default: return true;
    }
  }
  // Numbers and times never hold it, nor are they the text of a null.
  bool plain_delimiter() const {
    const auto odd = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' ||
             c == '.' || c == ':';
    };
    return !odd(options_.delimiter) && !odd(options_.quote) && !odd(options_.comment) && options_.null_values.empty();
  }

  // `first`: of its row.
  bool must_quote(std::string_view text, bool first) const {
    if (options_.is_null(text) || (first && options_.comment != '\0' && text.front() == options_.comment)) return true;
    for (const char c : text) {
      if (c == options_.delimiter || c == options_.quote || c == '\n' || c == '\r') return true;
    }
    // Blanks at the ends, that others would trim, and what at the beginning of a file would be no text.
    if (text.starts_with(kByteOrderMark)) return true;
    return text.front() == ' ' || text.back() == ' ' || text.front() == '\t' || text.back() == '\t';
  }

  char* write_field(std::string_view text, bool first, char* p) const {
    if (!must_quote(text, first)) return write_text(text, p);
    const char escape = options_.escape != '\0' ? options_.escape : options_.quote;
    *p++ = options_.quote;
    for (const char c : text) {
      if (c == options_.quote || c == escape) *p++ = escape;
      *p++ = c;
    }
    *p++ = options_.quote;
    return p;
  }

  void append_field(std::string_view text, bool first, std::string& out) const {
    const std::size_t old = out.size();
    out.resize(old + 2 * text.size() + 2);
    out.resize(static_cast<std::size_t>(write_field(text, first, out.data() + old) - out.data()));
  }

  std::size_t prepare(std::vector<ColumnCursor>& cursors, const Selection& selection, std::uint32_t begin,
                      std::uint32_t end) const {
    std::size_t bound = (end - begin) * (cursors.size() * (kSimpleBytes + null_.size() + 1) + 1);
    for (std::size_t k = 0; k < cursors.size(); ++k) {
      ColumnCursor& cursor = cursors[k];
      const Column& column = *cursor.column;
      if (cursor.rare) {
        cursor.texts.clear();
        cursor.ends.clear();
        std::string text;
        for (std::uint32_t i = begin; i < end; ++i) {
          const std::uint32_t row = selection[i];
          if (kinds_[k] == TypeKind::null || column.is_null(row)) {
            cursor.texts += null_;
          } else {
            text.clear();
            append_rare(column, kinds_[k], row, text);
            append_field(text, k == 0, cursor.texts);
          }
          cursor.ends.push_back(static_cast<std::uint32_t>(cursor.texts.size()));
        }
        bound += cursor.texts.size();
      } else if (kinds_[k] == TypeKind::string) {
        const StringRef* const values = column.values<StringRef>();
        for (std::uint32_t i = begin; i < end; ++i) {
          const std::uint32_t slot = column.slot(selection[i]);
          if (column.validity.test(slot)) bound += 2 * std::size_t{values[slot].size()};
        }
      }
    }
    return bound;
  }

  void append_rare(const Column& column, TypeKind kind, std::uint32_t row, std::string& text) const {
    const std::uint32_t slot = column.slot(row);
    if (kind == TypeKind::date && time_.date) {
      time_.date->format(std::int64_t{column.values<std::int32_t>()[slot]} * 86'400'000'000, text);
    } else if (kind == TypeKind::timestamp && time_.timestamp) {
      time_.timestamp->format(column.values<std::int64_t>()[slot], text);
    } else {
      // The form of JSON, without its quotes: base64, decimals with their scale.
      append_json(column, row, text);
      if (text.starts_with('"') && kind != TypeKind::variant) {
        text.pop_back();
        text.erase(0, 1);
      }
    }
  }

  char* write_cell(const ColumnCursor& cursor, TypeKind kind, std::uint32_t row, std::uint32_t place, bool first,
                   char* p) const {
    if (cursor.rare) {
      const std::uint32_t from = place == 0 ? 0 : cursor.ends[place - 1];
      return write_text(std::string_view(cursor.texts).substr(from, cursor.ends[place] - from), p);
    }
    const Column& column = *cursor.column;
    const std::uint32_t slot = column.slot(row);
    if (!column.validity.test(slot)) return write_text(null_, p);
    switch (kind) {
      case TypeKind::boolean: return write_text(column.values<std::uint8_t>()[slot] != 0 ? "true" : "false", p);
      case TypeKind::int32: return write_integer(column.values<std::int32_t>()[slot], p);
      case TypeKind::int64: return write_integer(column.values<std::int64_t>()[slot], p);
      case TypeKind::float32: return write_real(column.values<float>()[slot], p);
      case TypeKind::float64: return write_real(column.values<double>()[slot], p);
      case TypeKind::date: return write_date(column.values<std::int32_t>()[slot], p);
      case TypeKind::timestamp: return write_timestamp(column.values<std::int64_t>()[slot], p);
      default: return write_field(column.values<StringRef>()[slot].view(), first, p);
    }
  }

  template <class Real>
  static char* write_real(Real value, char* p) {
    if (!std::isfinite(value)) return write_text(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity", p);
    if constexpr (sizeof(Real) == 8) {
      return write_double(value, p);
    } else {
      return write_float(value, p);
    }
  }

  CsvOptions options_;
  std::string null_;  // as it is written
  CompiledTime time_;
  std::vector<TypeKind> kinds_;
  std::string header_;
};

}  // namespace

std::unique_ptr<Encoder> make_csv_encoder(const std::vector<Field>& columns, const CsvOptions& options) {
  return std::make_unique<CsvEncoder>(columns, options);
}

}  // namespace streamrun
