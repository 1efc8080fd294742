#include "tests/expr/case_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runner/data/text_value.h"
#include "runner/expr/expression.h"

namespace streamrun {
namespace {

// A value of a row as an expression over literals.
std::string literal_of(const Json& value, const Type& type) {
  const std::string name = type.name();
  if (value.is_null()) return fmt::format("cast(null as {})", name);
  const auto quoted = [](const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    return out + "'";
  };
  switch (type.kind()) {
    case TypeKind::string: return quoted(value.get<std::string>());
    case TypeKind::binary: return fmt::format("unbase64({})", quoted(value.get<std::string>()));
    case TypeKind::boolean: return value.get<bool>() ? "true" : "false";
    case TypeKind::variant: return fmt::format("parse_json({})", quoted(value.get<std::string>()));
    case TypeKind::array: {
      std::string out;
      for (const Json& item : value) out += (out.empty() ? "" : ", ") + literal_of(item, type.element());
      return fmt::format("cast(array({}) as {})", out, name);
    }
    case TypeKind::map: {
      std::string out;
      for (const Json& entry : value) {
        out += fmt::format("{}{}, {}", out.empty() ? "" : ", ", literal_of(entry[0], type.key()),
                           literal_of(entry[1], type.value()));
      }
      return fmt::format("cast(map({}) as {})", out, name);
    }
    case TypeKind::structure: {
      std::string out;
      for (const Field& field : type.fields()) {
        out += fmt::format("{}'{}', {}", out.empty() ? "" : ", ", field.name,
                           literal_of(value.contains(field.name) ? value[field.name] : Json(), field.type));
      }
      return fmt::format("named_struct({})", out);
    }
    default: break;
  }
  return fmt::format("cast('{}' as {})", value.is_string() ? value.get<std::string>() : value.dump(), name);
}

bool same_double(double a, double b, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return a != 0 || std::signbit(a) == std::signbit(b);
  return std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
}

double number_of(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  const std::string text = value.get<std::string>();
  return std::strtod(text.c_str(), nullptr);
}

}  // namespace

bool matches(const Column& column, std::uint32_t row, const Json& expected, double tolerance) {
  const Type& type = column.type();
  if (type.kind() == TypeKind::null || column.is_null(row)) return expected.is_null();
  if (expected.is_null() && type.kind() != TypeKind::variant) return false;
  std::string text;
  switch (type.kind()) {
    case TypeKind::float64: return same_double(column.value<double>(row), number_of(expected), tolerance);
    case TypeKind::float32:
      return same_double(static_cast<double>(column.value<float>(row)), number_of(expected), tolerance);
    case TypeKind::boolean: return (column.value<std::uint8_t>(row) != 0) == expected.get<bool>();
    case TypeKind::array: {
      const ListRef list = column.value<ListRef>(row);
      if (list.length != expected.size()) return false;
      for (std::uint32_t i = 0; i < list.length; ++i) {
        if (!matches(*column.children[0], list.offset + i, expected[i], tolerance)) return false;
      }
      return true;
    }
    case TypeKind::map: {
      const ListRef list = column.value<ListRef>(row);
      if (list.length != expected.size()) return false;
      return std::ranges::all_of(expected, [&](const Json& entry) {
        for (std::uint32_t i = 0; i < list.length; ++i) {
          if (matches(*column.children[0], list.offset + i, entry[0], tolerance) &&
              matches(*column.children[1], list.offset + i, entry[1], tolerance)) {
            return true;
          }
        }
        return false;
      });
    }
    case TypeKind::structure: {
      if (expected.size() != type.fields().size()) return false;
      for (std::size_t i = 0; i < type.fields().size(); ++i) {
        const std::string& name = type.fields()[i].name;
        if (!expected.contains(name)) return false;
        if (!matches(*column.children[i], column.slot(row), expected[name], tolerance)) return false;
      }
      return true;
    }
    case TypeKind::variant: {
      const StringRef value = column.value<StringRef>(row);
      const Json parsed = Json::parse(value.view(), nullptr, false);
      return nlohmann::json(parsed) == nlohmann::json(expected);
    }
    case TypeKind::binary: {
      const StringRef value = column.value<StringRef>(row);
      append_base64(value.view(), text);
      return text == expected.get<std::string>();
    }
    case TypeKind::timestamp: {
      append_timestamp_iso(column.value<std::int64_t>(row), text);
      std::string wanted = expected.get<std::string>();
      // The cases write all six digits of the fraction.
      if (const auto dot = wanted.find('.'); dot != std::string::npos) {
        wanted.pop_back();
        while (wanted.back() == '0') wanted.pop_back();
        if (wanted.back() == '.') wanted.pop_back();
        wanted += 'Z';
      }
      return text == wanted;
    }
    default: break;
  }
  append_text(column, row, text);
  return text == (expected.is_string() ? expected.get<std::string>() : expected.dump());
}

std::vector<Json> read_cases(const char* folder, const char* variable) {
  std::vector<Json> cases;
  const char* instead = std::getenv(variable);
  for (const auto& file : std::filesystem::directory_iterator(instead != nullptr ? instead : folder)) {
    if (file.path().extension() != ".json") continue;
    std::ifstream stream(file.path());
    const Json read = Json::parse(stream);
    for (const Json& one : read["cases"]) cases.push_back(one);
  }
  return cases;
}

namespace {

// One value as a column of one row.
std::optional<std::string> read_value(const Json& value, const Type& type, ColumnPtr& out) {
  if (type.kind() == TypeKind::variant && value.is_string()) {
    MutableColumn variant = Column::make(type, 1);
    auto arena = std::make_shared<StringArena>();
    *variant->values<StringRef>() = arena->copy(Json::parse(value.get<std::string>()).dump());
    variant->keep(arena);
    out = std::move(variant);
    return std::nullopt;
  }
  const LocatedText text(literal_of(value, type), {});
  Diagnostics diagnostics;
  const auto compiled = compile_expression(text, {}, diagnostics);
  if (!compiled) return fmt::format("value {}: {}", text.value(), diagnostics.sorted()[0].message);
  EvalContext context;
  out = evaluate(*compiled, {{}, 1}, Selection::all(1), context);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_rows(const Json& schema_json, const std::vector<Json>& rows, Schema& schema,
                                     std::vector<ColumnPtr>& columns) {
  for (const auto& [name, type_text] : schema_json.items()) {
    TypeSyntaxError error;
    const auto type = parse_type(type_text.get<std::string>(), error);
    if (!type) return fmt::format("type {}: {}", type_text.dump(), error.message);
    schema.columns.push_back({name, *type});
    ColumnBuilder builder(*type);
    for (const Json& row : rows) {
      ColumnPtr value;
      if (auto fault = read_value(row.value(name, Json()), *type, value)) return fault;
      builder.append(*value, 0);
    }
    columns.push_back(builder.finish());
  }
  return std::nullopt;
}

}  // namespace streamrun
