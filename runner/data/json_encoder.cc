// Rows as JSON: an object a line. Names, commas and colons are put together once.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "runner/data/codec.h"
#include "runner/data/row_writer.h"
#include "runner/data/text_value.h"

namespace streamrun {
namespace {

template <class Real>
char* write_real(Real value, char* out) {
  if (std::isfinite(value)) [[likely]] {
    if constexpr (sizeof(Real) == 8) {
      return write_double(value, out);
    } else {
      return write_float(value, out);
    }
  }
  return write_text(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"", out);
}

char* quoted(char* (*write)(std::int32_t, char*), std::int32_t value, char* out) {
  *out++ = '"';
  out = write(value, out);
  *out++ = '"';
  return out;
}

// Value `slot` of a column, not null, of its type. One instance a type, so that the loop over rows has no switch.
using WriteValue = char* (*)(const Column&, std::uint32_t slot, char* out);

char* write_boolean_value(const Column& c, std::uint32_t slot, char* out) {
  return write_text(c.values<std::uint8_t>()[slot] != 0 ? "true" : "false", out);
}
char* write_int_value(const Column& c, std::uint32_t slot, char* out) {
  return write_integer(c.values<std::int32_t>()[slot], out);
}
char* write_bigint_value(const Column& c, std::uint32_t slot, char* out) {
  return write_integer(c.values<std::int64_t>()[slot], out);
}
char* write_float_value(const Column& c, std::uint32_t slot, char* out) {
  return write_real(c.values<float>()[slot], out);
}
char* write_double_value(const Column& c, std::uint32_t slot, char* out) {
  return write_real(c.values<double>()[slot], out);
}
char* write_string_value(const Column& c, std::uint32_t slot, char* out) {
  return write_json_string(c.values<StringRef>()[slot].view(), out);
}
char* write_variant_value(const Column& c, std::uint32_t slot, char* out) {
  return write_text(c.values<StringRef>()[slot].view(), out);
}
char* write_date_value(const Column& c, std::uint32_t slot, char* out) {
  return quoted(write_date, c.values<std::int32_t>()[slot], out);
}
char* write_timestamp_value(const Column& c, std::uint32_t slot, char* out) {
  *out++ = '"';
  out = write_timestamp(c.values<std::int64_t>()[slot], out);
  *out++ = '"';
  return out;
}

// Null: values of this type are rendered into a string first (nested ones, decimals, binaries).
WriteValue quick_writer(TypeKind kind) {
  switch (kind) {
    case TypeKind::boolean: return write_boolean_value;
    case TypeKind::int32: return write_int_value;
    case TypeKind::int64: return write_bigint_value;
    case TypeKind::float32: return write_float_value;
    case TypeKind::float64: return write_double_value;
    case TypeKind::string: return write_string_value;
    case TypeKind::variant: return write_variant_value;
    case TypeKind::date: return write_date_value;
    case TypeKind::timestamp: return write_timestamp_value;
    default: return nullptr;
  }
}

bool has_pattern(const CompiledTime& time, TypeKind kind) {
  return (kind == TypeKind::date && time.date) || (kind == TypeKind::timestamp && time.timestamp);
}

void append_patterned(const TimePattern& pattern, std::int64_t micros, std::string& out) {
  std::string text;
  pattern.format(micros, text);
  append_json_string(text, out);
}

void append_value(const Column& column, std::uint32_t row, const CompiledTime& time, std::string& out);

void append_members(const Column& column, std::uint32_t row, const CompiledTime& time, std::string& out) {
  const Type& type = column.type();
  const std::uint32_t slot = column.slot(row);
  switch (type.kind()) {
    case TypeKind::array: {
      const ListRef list = column.values<ListRef>()[slot];
      out += '[';
      for (std::uint32_t i = 0; i < list.length; ++i) {
        if (i != 0) out += ',';
        append_value(*column.children[0], list.offset + i, time, out);
      }
      out += ']';
      return;
    }
    case TypeKind::map: {
      const ListRef list = column.values<ListRef>()[slot];
      std::string key;
      out += '{';
      for (std::uint32_t i = 0; i < list.length; ++i) {
        if (i != 0) out += ',';
        key.clear();
        append_text(*column.children[0], list.offset + i, key);
        append_json_string(key, out);
        out += ':';
        append_value(*column.children[1], list.offset + i, time, out);
      }
      out += '}';
      return;
    }
    default: {
      const std::vector<Field>& fields = type.fields();
      out += '{';
      for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i != 0) out += ',';
        append_json_string(fields[i].name, out);
        out += ':';
        append_value(*column.children[i], slot, time, out);
      }
      out += '}';
      return;
    }
  }
}

void append_value(const Column& column, std::uint32_t row, const CompiledTime& time, std::string& out) {
  const TypeKind kind = column.type().kind();
  if (kind == TypeKind::null || column.is_null(row)) {
    out += "null";
    return;
  }
  const std::uint32_t slot = column.slot(row);
  switch (kind) {
    case TypeKind::array:
    case TypeKind::map:
    case TypeKind::structure: append_members(column, row, time, out); return;
    case TypeKind::decimal: append_decimal(column.values<Int128>()[slot], column.type().scale(), out); return;
    case TypeKind::binary:
      out += '"';
      append_base64(column.values<StringRef>()[slot].view(), out);
      out += '"';
      return;
    case TypeKind::string: append_json_string(column.values<StringRef>()[slot].view(), out); return;
    case TypeKind::variant: out += column.values<StringRef>()[slot].view(); return;
    case TypeKind::month_interval:
    case TypeKind::day_interval: {
      std::string text;
      append_text(column, row, text);
      append_json_string(text, out);
      return;
    }
    case TypeKind::date:
      if (!time.date) break;
      append_patterned(*time.date, std::int64_t{column.values<std::int32_t>()[slot]} * 86'400'000'000, out);
      return;
    case TypeKind::timestamp:
      if (!time.timestamp) break;
      append_patterned(*time.timestamp, column.values<std::int64_t>()[slot], out);
      return;
    default: break;
  }
  char buffer[2 * kSimpleBytes];
  out.append(buffer, static_cast<std::size_t>(quick_writer(kind)(column, slot, buffer) - buffer));
}

class JsonEncoder final : public Encoder {
 public:
  JsonEncoder(const std::vector<Field>& columns, const TimeFormats& formats) : time_(compile_time(formats)) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      Piece piece;
      piece.name.push_back(i == 0 ? '{' : ',');
      append_json_string(columns[i].name, piece.name);
      piece.name += ':';
      std::memcpy(piece.head, piece.name.data(), std::min(piece.name.size(), sizeof piece.head));
      piece.kind = columns[i].type.kind();
      piece.write = has_pattern(time_, piece.kind) ? nullptr : quick_writer(piece.kind);
      fixed_ += piece.name.size() + kSimpleBytes;
      pieces_.push_back(std::move(piece));
    }
  }

  void encode(const std::vector<ColumnPtr>& columns, const Selection& selection, std::string& out) const override {
    if (pieces_.empty()) {
      for (std::uint32_t i = 0; i < selection.count(); ++i) out += "{}\n";
      return;
    }
    std::vector<ColumnCursor> cursors(pieces_.size());
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      cursors[i].column = columns[i].get();
      cursors[i].rare = pieces_[i].write == nullptr;
    }
    write_chunks(
        selection.count(), out,
        [&](std::uint32_t begin, std::uint32_t end) { return prepare(cursors, selection, begin, end); },
        [&](std::uint32_t begin, std::uint32_t end, char* p) {
          for (std::uint32_t i = begin; i < end; ++i) p = write_row(cursors, selection[i], i - begin, p);
          return p;
        });
  }

 private:
  struct Piece {
    std::string name;                  // `{"name":` or `,"name":`
    char head[kSimpleBytes - 8] = {};  // its start: a copy of fixed size is quick, and the room for the value takes it
    TypeKind kind = TypeKind::null;
    WriteValue write = nullptr;
  };

  std::size_t prepare(std::vector<ColumnCursor>& cursors, const Selection& selection, std::uint32_t begin,
                      std::uint32_t end) const {
    std::size_t bound = (end - begin) * (fixed_ + 2);
    for (std::size_t k = 0; k < cursors.size(); ++k) {
      ColumnCursor& cursor = cursors[k];
      const Column& column = *cursor.column;
      if (cursor.rare) {
        cursor.texts.clear();
        cursor.ends.clear();
        for (std::uint32_t i = begin; i < end; ++i) {
          append_value(column, selection[i], time_, cursor.texts);
          cursor.ends.push_back(static_cast<std::uint32_t>(cursor.texts.size()));
        }
        bound += cursor.texts.size();
      } else if (pieces_[k].kind == TypeKind::string || pieces_[k].kind == TypeKind::variant) {
        const StringRef* const values = column.values<StringRef>();
        std::size_t bytes = 0;
        for (std::uint32_t i = begin; i < end; ++i) {
          const std::uint32_t slot = column.slot(selection[i]);
          // What a null row holds is anything, its size too.
          if (column.validity.test(slot)) bytes += values[slot].size();
        }
        bound += 6 * bytes;
      }
    }
    return bound;
  }

  char* write_row(const std::vector<ColumnCursor>& cursors, std::uint32_t row, std::uint32_t place, char* p) const {
    for (std::size_t k = 0; k < cursors.size(); ++k) {
      const ColumnCursor& cursor = cursors[k];
      const std::string& name = pieces_[k].name;
      if (name.size() <= sizeof pieces_[k].head) {
        std::memcpy(p, pieces_[k].head, sizeof pieces_[k].head);
        p += name.size();
      } else {
        p = write_text(name, p);
      }
      if (cursor.rare) {
        const std::uint32_t from = place == 0 ? 0 : cursor.ends[place - 1];
        p = write_text(std::string_view(cursor.texts).substr(from, cursor.ends[place] - from), p);
        continue;
      }
      const std::uint32_t slot = cursor.column->slot(row);
      if (!cursor.column->validity.test(slot)) {
        p = write_text("null", p);
      } else {
        p = pieces_[k].write(*cursor.column, slot, p);
      }
    }
    *p++ = '}';
    *p++ = '\n';
    return p;
  }

  CompiledTime time_;
  std::vector<Piece> pieces_;
  std::size_t fixed_ = 0;
};

}  // namespace

std::unique_ptr<Encoder> make_json_encoder(const std::vector<Field>& columns, const TimeFormats& formats) {
  return std::make_unique<JsonEncoder>(columns, formats);
}

std::string row_as_json(const std::vector<Field>& fields, const std::vector<ColumnPtr>& columns, std::uint32_t row) {
  std::string json = "{";
  for (std::size_t i = 0; i < std::min(fields.size(), columns.size()); ++i) {
    if (columns[i] == nullptr) continue;
    if (json.size() > 1) json += ',';
    append_json_string(fields[i].name, json);
    json += ':';
    append_json(*columns[i], row, json);
  }
  return json + '}';
}

void append_json(const Column& column, std::uint32_t row, std::string& out) {
  static const CompiledTime kPlain;
  append_value(column, row, kPlain, out);
}

}  // namespace streamrun
