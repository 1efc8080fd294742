#include "runner/expr/coercion.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace streamrun {

Type decimal_for_integer(TypeKind kind) {
  return Type::decimal(kind == TypeKind::int32 ? 10 : 20, 0);
}

Type decimal_bounded(int precision, int scale) {
  const int p = std::min(precision, 38);
  return Type::decimal(std::max(p, 1), std::min(scale, p));
}

Type decimal_adjusted(int precision, int scale) {
  if (precision <= 38) return Type::decimal(std::max(precision, 1), scale);
  const int integral = precision - scale;
  const int kept = std::min(scale, 6);
  return Type::decimal(38, std::max(38 - integral, kept));
}

Type wider_decimal(const Type& a, const Type& b) {
  const int scale = std::max(a.scale(), b.scale());
  const int integral = std::max(a.precision() - a.scale(), b.precision() - b.scale());
  return decimal_bounded(integral + scale, scale);
}

namespace {

std::optional<Type> numeric_type(const Type& a, const Type& b) {
  using enum TypeKind;
  if (a.kind() == decimal || b.kind() == decimal) {
    if (a.is_float() || b.is_float()) return Type(float64);
    const Type left = a.kind() == decimal ? a : decimal_for_integer(a.kind());
    const Type right = b.kind() == decimal ? b : decimal_for_integer(b.kind());
    return wider_decimal(left, right);
  }
  if (a.kind() == float64 || b.kind() == float64) return Type(float64);
  // An integer does not fit into a float.
  if (a.kind() == float32 || b.kind() == float32) return Type(a.kind() == b.kind() ? float32 : float64);
  return Type(a.kind() == int64 || b.kind() == int64 ? int64 : int32);
}

std::optional<Type> string_meets(const Type& other) {
  using enum TypeKind;
  if (other.is_integer()) return Type(int64);
  if (other.is_float() || other.kind() == decimal) return Type(float64);
  switch (other.kind()) {
    case boolean:
    case binary:
    case date:
    case timestamp: return other;
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<Type> common_type(const Type& a, const Type& b, bool string_promotion) {
  using enum TypeKind;
  if (a == b) return a;
  if (a.kind() == null) return b;
  if (b.kind() == null) return a;
  if (a.is_numeric() && b.is_numeric()) return numeric_type(a, b);
  if ((a.kind() == date && b.kind() == timestamp) || (a.kind() == timestamp && b.kind() == date)) {
    return Type(timestamp);
  }
  if (string_promotion && a.kind() == string) return string_meets(b);
  if (string_promotion && b.kind() == string) return string_meets(a);
  if (a.kind() != b.kind()) return std::nullopt;
  if (a.is_interval()) {
    return Type::interval(std::min(a.first_unit(), b.first_unit()), std::max(a.last_unit(), b.last_unit()));
  }
  if (a.kind() == array) {
    const auto element = common_type(a.element(), b.element(), string_promotion);
    if (!element) return std::nullopt;
    return Type::array(*element);
  }
  if (a.kind() == map) {
    const auto key = common_type(a.key(), b.key(), string_promotion);
    const auto value = common_type(a.value(), b.value(), string_promotion);
    if (!key || !value) return std::nullopt;
    return Type::map(*key, *value);
  }
  if (a.kind() == structure) {
    if (a.fields().size() != b.fields().size()) return std::nullopt;
    std::vector<Field> fields;
    for (std::size_t i = 0; i < a.fields().size(); ++i) {
      if (a.fields()[i].name != b.fields()[i].name) return std::nullopt;
      const auto type = common_type(a.fields()[i].type, b.fields()[i].type, string_promotion);
      if (!type) return std::nullopt;
      fields.push_back({a.fields()[i].name, *type});
    }
    return Type::structure(std::move(fields));
  }
  return std::nullopt;
}

std::optional<Type> tightest_type(const Type& a, const Type& b) {
  const bool decimals = a.kind() == TypeKind::decimal || b.kind() == TypeKind::decimal;
  if (a == b || !decimals || !a.is_numeric() || !b.is_numeric()) return common_type(a, b, false);
  const Type& decimal = a.kind() == TypeKind::decimal ? a : b;
  const Type& other = a.kind() == TypeKind::decimal ? b : a;
  if (!other.is_integer() || wider_decimal(decimal, decimal_for_integer(other.kind())) != decimal) return std::nullopt;
  return decimal;
}

std::optional<Type> comparison_type(const Type& a, const Type& b) {
  // Field names do not matter where structures are compared.
  if (a.kind() == TypeKind::structure && b.kind() == TypeKind::structure && a.fields().size() == b.fields().size()) {
    std::vector<Field> fields;
    for (std::size_t i = 0; i < a.fields().size(); ++i) {
      const auto type = comparison_type(a.fields()[i].type, b.fields()[i].type);
      if (!type) return std::nullopt;
      fields.push_back({a.fields()[i].name, *type});
    }
    return Type::structure(std::move(fields));
  }
  return common_type(a, b, true);
}

Result<Type> common_type(std::span<const Type> types, bool string_promotion) {
  if (types.empty()) return Type(TypeKind::null);
  // Strings last, as Spark: (string, int, date) must not depend on the order of the others.
  Type so_far(TypeKind::null);
  for (const bool strings : {false, true}) {
    for (const Type& type : types) {
      if ((type.kind() == TypeKind::string) != strings) continue;
      const auto next = common_type(so_far, type, string_promotion);
      if (!next) return failure(fmt::format("{} and {} have no common type", so_far.name(), type.name()));
      so_far = *next;
    }
  }
  return so_far;
}

bool assignable(const Type& from, const Type& to) {
  if (from == to || from.kind() == TypeKind::null) return true;
  if (from.is_integer() && to.is_float()) return to.kind() == TypeKind::float64;
  const auto common = common_type(from, to, false);
  return common && *common == to;
}

}  // namespace streamrun
