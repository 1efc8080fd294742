#include "runner/operator/key_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

namespace streamrun {
namespace {

template <class T>
void append_bytes(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

bool holds_floats(const Type& type) {
  if (type.kind() == TypeKind::float32 || type.kind() == TypeKind::float64) return true;
  return std::ranges::any_of(type.fields(), [](const Field& field) { return holds_floats(field.type); });
}

std::vector<std::uint32_t> all_rows(std::size_t count) {
  std::vector<std::uint32_t> all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

ColumnPtr without_negative_zeros(const ColumnPtr& from, std::span<const std::uint32_t> rows) {
  if (!holds_floats(from->type()) || from->constant()) return gather(from, rows);
  // Made just now, and nobody else's.
  const auto made = std::const_pointer_cast<Column>(gather(from, rows));
  with_storage(made->type().kind(), [&]<class T>() {
    if constexpr (std::is_floating_point_v<T>) {
      for (std::uint32_t row = 0; row < made->rows(); ++row) made->values<T>()[row] += T{0};
    }
  });
  for (ColumnPtr& child : made->children) child = without_negative_zeros(child, all_rows(child->rows()));
  return made;
}

}  // namespace

void encode_value(const Column& column, std::uint32_t row, std::string& out) {
  if (column.type().kind() == TypeKind::null || column.is_null(row)) {
    out.push_back('\0');
    return;
  }
  out.push_back('\1');
  switch (column.type().kind()) {
    case TypeKind::float32: {
      float value = column.value<float>(row);
      if (std::isnan(value)) value = std::numeric_limits<float>::quiet_NaN();
      append_bytes(out, value + 0.0F);  // -0.0 + 0.0 is 0.0
      return;
    }
    case TypeKind::float64: {
      double value = column.value<double>(row);
      if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
      append_bytes(out, value + 0.0);
      return;
    }
    case TypeKind::string:
    case TypeKind::binary:
    case TypeKind::variant: {
      const StringRef& text = column.value<StringRef>(row);
      append_bytes(out, text.size());
      out.append(text.data(), text.size());
      return;
    }
    case TypeKind::array:
    case TypeKind::map: {
      const ListRef list = column.value<ListRef>(row);
      append_bytes(out, list.length);
      for (const ColumnPtr& child : column.children) {
        for (std::uint32_t i = 0; i < list.length; ++i) encode_value(*child, list.offset + i, out);
      }
      return;
    }
    case TypeKind::structure:
      for (const ColumnPtr& child : column.children) encode_value(*child, column.slot(row), out);
      return;
    default:
      with_storage(column.type().kind(), [&]<class T>() {
        if constexpr (!std::is_void_v<T>) append_bytes(out, column.value<T>(row));
      });
  }
}

void append_keys(const ColumnPtr& keys, std::span<const std::uint32_t> rows, ColumnBuilder& to) {
  if (rows.empty() || !holds_floats(keys->type())) return to.append(*keys, rows);
  to.append(*without_negative_zeros(keys, rows), all_rows(rows.size()));
}

}  // namespace streamrun
