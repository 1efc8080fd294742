#include "runner/expr/json/json_write.h"

#include <cmath>

#include "runner/data/text_value.h"
#include "runner/expr/expression.h"
#include "runner/expr/json/json_text.h"

namespace streamrun {
namespace {

void write_list(const JsonWriting& writing, const Column& column, std::uint32_t row, std::string& out) {
  const ListRef& list = column.value<ListRef>(row);
  const bool map = column.type().kind() == TypeKind::map;
  std::string key;
  out += map ? '{' : '[';
  for (std::uint32_t i = list.offset; i < list.offset + list.length; ++i) {
    if (out.size() > kMostValueBytes) return;  // the caller refuses it
    if (i > list.offset) out += ',';
    if (map) {
      key.clear();
      append_text(*column.children[0], i, key);
      append_json_string(key, out);
      out += ':';
    }
    write_json(writing, *column.children.back(), i, out);
  }
  out += map ? '}' : ']';
}

void write_structure(const JsonWriting& writing, const Column& column, std::uint32_t row, std::string& out) {
  const std::vector<Field>& fields = column.type().fields();
  const std::uint32_t slot = column.slot(row);
  bool any = false;
  out += '{';
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Column& child = *column.children[i];
    if (writing.omit_nulls && (child.type().kind() == TypeKind::null || child.is_null(slot))) continue;
    if (any) out += ',';
    any = true;
    append_json_string(fields[i].name, out);
    out += ':';
    write_json(writing, child, slot, out);
  }
  out += '}';
}

// Numbers stand bare but for NaN and the infinities; other simple values are quoted.
void write_simple(const Column& column, std::uint32_t row, std::string& out) {
  const TypeKind kind = column.type().kind();
  const bool finite = kind == TypeKind::float64   ? std::isfinite(column.value<double>(row))
                      : kind == TypeKind::float32 ? std::isfinite(column.value<float>(row))
                                                  : true;
  const bool bare = kind == TypeKind::boolean || (column.type().is_numeric() && finite);
  if (kind == TypeKind::decimal) return append_java_decimal(column.value<Int128>(row), column.type().scale(), out);
  if (!bare) out += '"';
  append_text(column, row, out);
  if (!bare) out += '"';
}

}  // namespace

void write_json(const JsonWriting& writing, const Column& column, std::uint32_t row, std::string& out) {
  const TypeKind kind = column.type().kind();
  if (kind == TypeKind::null || column.is_null(row)) {
    out += "null";
    return;
  }
  const auto by_pattern = [&](const TimePattern& pattern, std::int64_t micros) {
    std::string text;
    pattern.format(micros, text);
    append_json_string(text, out);
  };
  switch (kind) {
    case TypeKind::array:
    case TypeKind::map: return write_list(writing, column, row, out);
    case TypeKind::structure: return write_structure(writing, column, row, out);
    case TypeKind::string: return append_json_string(column.value<StringRef>(row).view(), out);
    case TypeKind::binary:
      out += '"';
      append_base64(column.value<StringRef>(row).view(), out);
      out += '"';
      return;
    case TypeKind::timestamp: return by_pattern(*writing.time.timestamp, column.value<std::int64_t>(row));
    case TypeKind::date:
      if (!writing.time.date) return write_simple(column, row, out);
      return by_pattern(*writing.time.date, std::int64_t{column.value<std::int32_t>(row)} * 86'400'000'000);
    case TypeKind::variant: {
      JsonText text;
      if (text.open(column.value<StringRef>(row).view(), kStrictJson)) {
        rewrite_json(text.cursor(), 0, kVariantForm, out);
      }
      return;
    }
    default: return write_simple(column, row, out);
  }
}

}  // namespace streamrun
