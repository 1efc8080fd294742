#include "runner/expr/json/json_schema.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "runner/expr/coercion.h"
#include "runner/expr/lexer.h"

namespace streamrun {
namespace {

bool word_part(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

// Reads a list of columns as Spark's DDL writes them.
class ColumnList {
 public:
  explicit ColumnList(std::string_view text) : rest_(text) {}

  Result<Type> run() {
    std::vector<Field> fields;
    do {
      std::string name;
      if (!take_name(name)) return failure("a column's name is missing in the schema");
      blanks();
      if (rest_.starts_with(':')) rest_.remove_prefix(1);
      blanks();
      std::size_t used = 0;
      TypeSyntaxError error;
      const std::optional<Type> type = parse_type_prefix(rest_, used, error);
      if (!type) return failure("the schema's column '" + name + "': " + error.message);
      rest_.remove_prefix(used);
      fields.push_back({std::move(name), *type});
      if (take_word("NOT") && !take_word("NULL")) return failure("'null' is missing behind 'not' in the schema");
      blanks();
    } while (take_comma());
    if (!rest_.empty()) return failure("unexpected '" + std::string(rest_) + "' in the schema");
    return Type::structure(std::move(fields));
  }

 private:
  void blanks() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_[0])) != 0) rest_.remove_prefix(1);
  }
  bool take_comma() {
    if (!rest_.starts_with(',')) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take_word(std::string_view word) {
    blanks();
    if (!same_word(rest_.substr(0, word.size()), word)) return false;
    if (rest_.size() > word.size() && word_part(rest_[word.size()])) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool take_name(std::string& name) {
    blanks();
    if (rest_.starts_with('`')) {
      const std::size_t end = rest_.find('`', 1);
      if (end == std::string_view::npos) return false;
      name = rest_.substr(1, end - 1);
      rest_.remove_prefix(end + 1);
      return !name.empty();
    }
    std::size_t end = 0;
    while (end < rest_.size() && word_part(rest_[end])) ++end;
    name = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return !name.empty();
  }

  std::string_view rest_;
};

// The type of both, for elements of an array.
Type merged(const Type& a, const Type& b) {
  if (a.kind() == TypeKind::structure && b.kind() == TypeKind::structure) {
    std::vector<Field> fields = a.fields();
    for (const Field& field : b.fields()) {
      const auto same = std::ranges::find(fields, field.name, &Field::name);
      if (same == fields.end()) {
        fields.push_back(field);
      } else {
        same->type = merged(same->type, field.type);
      }
    }
    std::ranges::sort(fields, {}, &Field::name);
    return Type::structure(std::move(fields));
  }
  if (a.kind() == TypeKind::array && b.kind() == TypeKind::array) return Type::array(merged(a.element(), b.element()));
  return common_type(a, b, false).value_or(Type(TypeKind::string));
}

Type scalar_type(std::string_view text, bool whole) {
  std::int64_t value = 0;
  if (!whole) return TypeKind::float64;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc()) return TypeKind::int64;
  const auto digits = static_cast<int>(text.size()) - (text.starts_with('-') ? 1 : 0);
  return digits <= 38 ? Type::decimal(digits, 0) : Type(TypeKind::float64);
}

bool infer_array(JsonCursor& cursor, int depth, Type& type) {
  Type element;
  ++cursor.at;
  for (bool any = false; cursor.token() != ']'; any = true) {
    if (any) {
      if (cursor.token() != ',') return false;
      ++cursor.at;
    }
    Type next;
    if (!infer_json_type(cursor, depth + 1, next)) return false;
    element = any ? merged(element, next) : next;
  }
  ++cursor.at;
  type = Type::array(element);
  return true;
}

bool infer_object(JsonCursor& cursor, int depth, Type& type) {
  std::vector<Field> fields;
  std::string spare;
  ++cursor.at;
  while (cursor.token() != '}') {
    if (!fields.empty()) {
      if (cursor.token() != ',') return false;
      ++cursor.at;
    }
    std::string_view name;
    if (!read_json_key(cursor, spare, name)) return false;
    Field& field = fields.emplace_back(std::string(name), Type());
    if (!infer_json_type(cursor, depth + 1, field.type)) return false;
  }
  ++cursor.at;
  std::ranges::stable_sort(fields, {}, &Field::name);
  type = Type::structure(std::move(fields));
  return true;
}

}  // namespace

Result<Type> parse_json_schema(std::string_view text) {
  TypeSyntaxError error;
  std::optional<Type> type = parse_type(text, error);
  if (!type) return ColumnList(text).run();
  if (!type->is_nested()) return failure("from_json reads a struct, an array or a map, not " + type->name());
  return *std::move(type);
}

bool infer_json_type(JsonCursor& cursor, int depth, Type& type) {
  if (depth > kJsonDepth || cursor.done()) return false;
  const char first = cursor.token();
  if (first == '[') return infer_array(cursor, depth, type);
  if (first == '{') return infer_object(cursor, depth, type);
  if (first == '"') {
    std::string text;
    type = TypeKind::string;
    return take_json_string(cursor, text);
  }
  const std::string_view text = cursor.scalar();
  bool whole = false;
  if (text == "true" || text == "false") {
    type = TypeKind::boolean;
  } else if (text == "null") {
    type = TypeKind::null;
  } else if (json_number(text, whole)) {
    type = scalar_type(text, whole);
  } else {
    return false;
  }
  ++cursor.at;
  return true;
}

void append_sql_type(const Type& type, std::string& out) {
  switch (type.kind()) {
    case TypeKind::null: out += "STRING"; return;
    case TypeKind::array:
      out += "ARRAY<";
      append_sql_type(type.element(), out);
      out += '>';
      return;
    case TypeKind::structure: {
      out += "STRUCT<";
      for (std::size_t i = 0; i < type.fields().size(); ++i) {
        const Field& field = type.fields()[i];
        const bool plain = std::ranges::all_of(field.name, word_part) && !field.name.empty() &&
                           std::isdigit(static_cast<unsigned char>(field.name[0])) == 0;
        if (i > 0) out += ", ";
        out += plain ? field.name : "`" + field.name + "`";
        out += ": ";
        append_sql_type(field.type, out);
      }
      out += '>';
      return;
    }
    default:
      for (const char c : type.name()) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
}

}  // namespace streamrun
