#include "runner/data/type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "runner/base/diagnostic.h"
#include "runner/base/foreign_name.h"

namespace streamrun {
namespace {

constexpr int kMaxPrecision = 38;
constexpr int kMaxDepth = 100;

struct SimpleName {
  std::string_view name;
  TypeKind kind;
};
constexpr std::array kSimpleNames = {
    SimpleName{"boolean", TypeKind::boolean},
    SimpleName{"bool", TypeKind::boolean},
    SimpleName{"int", TypeKind::int32},
    SimpleName{"integer", TypeKind::int32},
    SimpleName{"bigint", TypeKind::int64},
    SimpleName{"long", TypeKind::int64},
    SimpleName{"float", TypeKind::float32},
    SimpleName{"real", TypeKind::float32},
    SimpleName{"double", TypeKind::float64},
    SimpleName{"decimal", TypeKind::decimal},
    SimpleName{"dec", TypeKind::decimal},
    SimpleName{"numeric", TypeKind::decimal},
    SimpleName{"string", TypeKind::string},
    SimpleName{"binary", TypeKind::binary},
    SimpleName{"date", TypeKind::date},
    SimpleName{"timestamp", TypeKind::timestamp},
    SimpleName{"timestamp_ltz", TypeKind::timestamp},
    SimpleName{"variant", TypeKind::variant},
    SimpleName{"array", TypeKind::array},
    SimpleName{"map", TypeKind::map},
    SimpleName{"struct", TypeKind::structure},
};

constexpr std::array kForeignTypes = {
    ForeignName{"str", "string"},
    ForeignName{"text", "string"},
    ForeignName{"varchar", "string"},
    ForeignName{"nvarchar", "string"},
    ForeignName{"varchar2", "string"},
    ForeignName{"char", "string"},
    ForeignName{"character", "string"},
    ForeignName{"clob", "string"},
    ForeignName{"uuid", "string"},
    ForeignName{"enum", "string"},
    ForeignName{"symbol", "string"},
    ForeignName{"utf8", "string"},
    ForeignName{"keyword", "string"},
    ForeignName{"time", "string"},
    ForeignName{"datetime", "timestamp"},
    ForeignName{"datetime2", "timestamp"},
    ForeignName{"datetime64", "timestamp"},
    ForeignName{"datetimeoffset", "timestamp"},
    ForeignName{"timestamptz", "timestamp"},
    ForeignName{"timestampntz", "timestamp"},
    ForeignName{"instant", "timestamp"},
    ForeignName{"epoch", "bigint, and timestamp_millis(x) where a time is wanted"},
    ForeignName{"date32", "date"},
    ForeignName{"localdate", "date"},
    ForeignName{"int8", "int"},
    ForeignName{"int16", "int"},
    ForeignName{"int32", "int"},
    ForeignName{"uint8", "int"},
    ForeignName{"uint16", "int"},
    ForeignName{"tinyint", "int"},
    ForeignName{"smallint", "int"},
    ForeignName{"short", "int"},
    ForeignName{"byte", "int"},
    ForeignName{"serial", "bigint"},
    ForeignName{"int64", "bigint"},
    ForeignName{"uint32", "bigint"},
    ForeignName{"bigserial", "bigint"},
    ForeignName{"uint64", "decimal(20,0)"},
    ForeignName{"ulong", "decimal(20,0)"},
    ForeignName{"hugeint", "decimal(38,0)"},
    ForeignName{"bignumeric", "decimal(38,9)"},
    ForeignName{"bigdecimal", "decimal(38,18)"},
    ForeignName{"money", "decimal(19,4)"},
    ForeignName{"number", "double, bigint or decimal(p,s)"},
    ForeignName{"num", "double, bigint or decimal(p,s)"},
    ForeignName{"float32", "float"},
    ForeignName{"float4", "float"},
    ForeignName{"float8", "double"},
    ForeignName{"float64", "double"},
    ForeignName{"json", "variant"},
    ForeignName{"jsonb", "variant"},
    ForeignName{"super", "variant"},
    ForeignName{"any", "variant"},
    ForeignName{"object", "variant, or struct<a:T,…>"},
    ForeignName{"bytes", "binary"},
    ForeignName{"bytea", "binary"},
    ForeignName{"blob", "binary"},
    ForeignName{"varbinary", "binary"},
    ForeignName{"list", "array<T>"},
    ForeignName{"vector", "array<T>"},
    ForeignName{"tuple", "struct<a:T,…>"},
    ForeignName{"record", "struct<a:T,…>"},
    ForeignName{"row", "struct<a:T,…>"},
    ForeignName{"dict", "map<K,V>"},
    ForeignName{"hashmap", "map<K,V>"},
};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class TypeReader {
 public:
  TypeReader(std::string_view text, TypeSyntaxError& error) : text_(text), error_(error) {}

  std::optional<Type> read(int depth = 0) {
    skip_blanks();
    const std::size_t begin = at_;
    if (depth > kMaxDepth) return fail(begin, begin, "types are nested deeper than 100");
    const std::string_view written = word();
    if (written.empty()) return fail(begin, std::min(begin + 1, text_.size()), "a type is missing here");
    std::string name(written);
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const auto* known = std::ranges::find(kSimpleNames, std::string_view(name), &SimpleName::name);
    if (known == kSimpleNames.end()) {
      std::array<std::string_view, kSimpleNames.size()> names;
      std::ranges::transform(kSimpleNames, names.begin(), &SimpleName::name);
      return fail(
          begin, at_,
          fmt::format("'{}' is no type; the types are boolean, int, bigint, float, double, decimal(p,s), string, "
                      "binary, date, timestamp, array<T>, map<K,V>, struct<a:T,…> and variant{}",
                      written, name_hint(written, kForeignTypes, names)));
    }
    switch (known->kind) {
      case TypeKind::decimal: return read_decimal();
      case TypeKind::array: {
        if (!expect('<', "array<T> names its element type in angle brackets: array<int>")) return std::nullopt;
        std::optional<Type> element = read(depth + 1);
        if (!element || !expect('>', "'>' is missing")) return std::nullopt;
        return Type::array(std::move(*element));
      }
      case TypeKind::map: {
        if (!expect('<', "map<K,V> names the types of keys and values: map<string,int>")) return std::nullopt;
        skip_blanks();
        const std::size_t key_begin = at_;
        std::optional<Type> key = read(depth + 1);
        if (!key) return std::nullopt;
        if (key->kind() == TypeKind::map || key->kind() == TypeKind::variant) {
          return fail(key_begin, at_, "a map's key cannot be a " + key->name());
        }
        if (!expect(',', "map<K,V> names the types of keys and values")) return std::nullopt;
        std::optional<Type> value = read(depth + 1);
        if (!value || !expect('>', "'>' is missing")) return std::nullopt;
        return Type::map(std::move(*key), std::move(*value));
      }
      case TypeKind::structure: return read_structure(depth);
      default: return Type(known->kind);
    }
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  std::size_t at() const { return at_; }
  std::nullopt_t fail(std::size_t begin, std::size_t end, std::string message) {
    error_ = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), std::move(message)};
    return std::nullopt;
  }

 private:
  std::string_view word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool accept(char c) {
    const std::size_t before = at_;
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == c) {
      ++at_;
      return true;
    }
    at_ = before;
    return false;
  }

  bool expect(char c, std::string message) {
    if (accept(c)) return true;
    fail(at_, std::min(at_ + 1, text_.size()), std::move(message));
    return false;
  }

  std::optional<int> number() {
    skip_blanks();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    int value = 0;
    const auto parsed = std::from_chars(text_.data() + begin, text_.data() + at_, value);
    if (parsed.ec != std::errc()) {
      return fail(begin, std::max(at_, std::min(begin + 1, text_.size())), "decimal(p,s) takes two whole numbers");
    }
    return value;
  }

  std::optional<Type> read_decimal() {
    if (!accept('(')) return Type::decimal(10, 0);
    skip_blanks();
    const std::size_t begin = at_;
    const std::optional<int> precision = number();
    if (!precision) return std::nullopt;
    int scale = 0;
    if (accept(',')) {
      const std::optional<int> written = number();
      if (!written) return std::nullopt;
      scale = *written;
    }
    const std::size_t end = at_;
    if (!expect(')', "')' is missing")) return std::nullopt;
    if (*precision < 1 || *precision > kMaxPrecision) {
      return fail(begin, end, "a decimal has 1 to 38 digits, not " + std::to_string(*precision));
    }
    if (scale > *precision) {
      return fail(begin, end,
                  "a decimal of " + std::to_string(*precision) + " digits cannot have " + std::to_string(scale) +
                      " of them behind the point");
    }
    return Type::decimal(*precision, scale);
  }

  std::optional<Type> read_structure(int depth) {
    if (!expect('<', "struct<a:T,…> names its fields")) return std::nullopt;
    std::vector<Field> fields;
    if (accept('>')) return Type::structure(std::move(fields));
    do {
      skip_blanks();
      const std::size_t begin = at_;
      std::optional<std::string> name = field_name();
      if (!name) return std::nullopt;
      if (std::ranges::find(fields, *name, &Field::name) != fields.end()) {
        return fail(begin, at_, "field '" + *name + "' is there twice");
      }
      accept(':');  // Spark takes `a int` too
      std::optional<Type> type = read(depth + 1);
      if (!type) return std::nullopt;
      fields.push_back({std::move(*name), std::move(*type)});
    } while (accept(','));
    if (!expect('>', "'>' or ',' is missing")) return std::nullopt;
    return Type::structure(std::move(fields));
  }

  std::optional<std::string> field_name() {
    const std::size_t begin = at_;
    if (at_ == text_.size() || text_[at_] != '`') {
      const std::string_view name = word();
      if (name.empty()) return fail(begin, std::min(begin + 1, text_.size()), "a field's name is missing here");
      return std::string(name);
    }
    std::string name;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '`') {
        ++at_;
        if (at_ == text_.size() || text_[at_] != '`') return name;
      }
      name += text_[at_];
    }
    return fail(begin, text_.size(), "the closing '`' is missing");
  }

  std::string_view text_;
  TypeSyntaxError& error_;
  std::size_t at_ = 0;
};

// As the reader takes it back.
std::string written_name(const std::string& name) {
  const bool plain = !name.empty() && std::ranges::all_of(name, is_name);
  if (plain) return name;
  std::string text = "`";
  for (const char c : name) text += c == '`' ? "``" : std::string(1, c);
  return text + "`";
}

}  // namespace

Type Type::decimal(int precision, int scale) {
  Type type(TypeKind::decimal);
  type.precision_ = static_cast<std::uint8_t>(precision);
  type.scale_ = static_cast<std::uint8_t>(scale);
  return type;
}

Type Type::interval(IntervalUnit first, IntervalUnit last) {
  Type type(first < IntervalUnit::day ? TypeKind::month_interval : TypeKind::day_interval);
  type.precision_ = static_cast<std::uint8_t>(static_cast<int>(first) - static_cast<int>(type.first_unit()));
  type.scale_ = static_cast<std::uint8_t>(static_cast<int>(type.last_unit()) - static_cast<int>(last));
  return type;
}

IntervalUnit Type::first_unit() const {
  const IntervalUnit first = kind_ == TypeKind::month_interval ? IntervalUnit::year : IntervalUnit::day;
  return static_cast<IntervalUnit>(static_cast<int>(first) + precision_);
}

IntervalUnit Type::last_unit() const {
  const IntervalUnit last = kind_ == TypeKind::month_interval ? IntervalUnit::month : IntervalUnit::second;
  return static_cast<IntervalUnit>(static_cast<int>(last) - scale_);
}

std::string interval_fields(const Type& interval) {
  constexpr std::array<std::string_view, 6> kNames = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"};
  std::string text(kNames[static_cast<std::size_t>(interval.first_unit())]);
  if (interval.first_unit() == interval.last_unit()) return text;
  return text.append(" TO ").append(kNames[static_cast<std::size_t>(interval.last_unit())]);
}

Type Type::array(Type element) {
  Type type(TypeKind::array);
  type.fields_ = std::make_shared<const std::vector<Field>>(std::vector<Field>{{"element", std::move(element)}});
  return type;
}

Type Type::map(Type key, Type value) {
  Type type(TypeKind::map);
  type.fields_ = std::make_shared<const std::vector<Field>>(
      std::vector<Field>{{"key", std::move(key)}, {"value", std::move(value)}});
  return type;
}

Type Type::structure(std::vector<Field> fields) {
  Type type(TypeKind::structure);
  type.fields_ = std::make_shared<const std::vector<Field>>(std::move(fields));
  return type;
}

const std::vector<Field>& Type::fields() const {
  static const std::vector<Field> none;
  return fields_ ? *fields_ : none;
}
const Type& Type::element() const {
  return fields()[0].type;
}
const Type& Type::key() const {
  return fields()[0].type;
}
const Type& Type::value() const {
  return fields()[1].type;
}

std::string Type::name() const {
  switch (kind_) {
    case TypeKind::null: return "void";
    case TypeKind::boolean: return "boolean";
    case TypeKind::int32: return "int";
    case TypeKind::int64: return "bigint";
    case TypeKind::float32: return "float";
    case TypeKind::float64: return "double";
    case TypeKind::decimal: return "decimal(" + std::to_string(precision_) + "," + std::to_string(scale_) + ")";
    case TypeKind::string: return "string";
    case TypeKind::binary: return "binary";
    case TypeKind::date: return "date";
    case TypeKind::timestamp: return "timestamp";
    case TypeKind::array: return "array<" + element().name() + ">";
    case TypeKind::map: return "map<" + key().name() + "," + value().name() + ">";
    case TypeKind::structure: {
      std::string text = "struct<";
      for (const Field& field : fields()) {
        if (text.back() != '<') text += ',';
        text += written_name(field.name) + ":" + field.type.name();
      }
      return text + ">";
    }
    case TypeKind::variant: return "variant";
    case TypeKind::month_interval:
    case TypeKind::day_interval: {
      std::string text = "interval " + interval_fields(*this);
      for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      }
      return text;
    }
  }
  return {};
}

bool operator==(const Type& a, const Type& b) {
  if (a.kind_ != b.kind_ || a.precision_ != b.precision_ || a.scale_ != b.scale_) return false;
  return a.fields_ == b.fields_ || a.fields() == b.fields();
}

std::optional<Type> parse_type(std::string_view text, TypeSyntaxError& error) {
  TypeReader reader(text, error);
  std::optional<Type> type = reader.read();
  if (!type) return std::nullopt;
  reader.skip_blanks();
  if (reader.at() != text.size()) {
    const std::string_view rest = text.substr(reader.at());
    const std::string hint = rest.starts_with("[") ? "; an array of them is array<" + type->name() + ">"
                             : rest.starts_with("?") || rest.starts_with("NOT") || rest.starts_with("not")
                                 ? "; every column may be null"
                                 : "";
    return reader.fail(reader.at(), text.size(), "the type " + type->name() + " ends before this" + hint);
  }
  return type;
}

std::optional<Type> parse_type_prefix(std::string_view text, std::size_t& used, TypeSyntaxError& error) {
  TypeReader reader(text, error);
  std::optional<Type> type = reader.read();
  if (type) used = reader.at();
  return type;
}

std::optional<std::uint32_t> Schema::find(std::string_view name) const {
  for (std::uint32_t i = 0; i < size(); ++i) {
    if (at(i).name == name) return i;
  }
  return std::nullopt;
}

const Field& Schema::at(std::uint32_t position) const {
  return position < columns.size() ? columns[position] : hidden[position - columns.size()];
}

std::string Schema::to_string() const {
  std::string text = "(";
  for (const Field& field : columns) {
    if (text.size() > 1) text += ", ";
    text += field.name + " " + field.type.name();
  }
  return text + ")";
}

}  // namespace streamrun
