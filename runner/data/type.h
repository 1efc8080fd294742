// The types of columns: Spark SQL's, with their names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace streamrun {

enum class TypeKind : std::uint8_t {
  null,  // `void`: the type of a bare null; no column of a source has it
  boolean,
  int32,    // int
  int64,    // bigint
  float32,  // float
  float64,  // double
  decimal,  // decimal(p,s), 1 <= p <= 38, 0 <= s <= p
  string,
  binary,
  date,       // days since 1970-01-01
  timestamp,  // microseconds since 1970-01-01 UTC
  array,
  map,
  structure,
  variant,  // a JSON value of any shape
  // Within expressions only; neither a schema nor a stream may hold them.
  month_interval,  // year-month, in months
  day_interval,    // day-time, in microseconds
};

// Fields of intervals: a month_interval goes from year to month, a day_interval from day to second.
enum class IntervalUnit : std::uint8_t { year, month, day, hour, minute, second };

struct Field;

// Immutable and cheap to copy.
class Type {
 public:
  Type() = default;
  constexpr Type(TypeKind kind) : kind_(kind) {}  // NOLINT: a kind without arguments is a type
  static Type decimal(int precision, int scale);
  // Of the units from `first` to `last`; the kinds by themselves are year to month and day to second.
  static Type interval(IntervalUnit first, IntervalUnit last);
  static Type array(Type element);
  static Type map(Type key, Type value);
  static Type structure(std::vector<Field> fields);

  TypeKind kind() const { return kind_; }
  int precision() const { return precision_; }
  int scale() const { return scale_; }
  bool is_interval() const { return kind_ == TypeKind::month_interval || kind_ == TypeKind::day_interval; }
  IntervalUnit first_unit() const;
  IntervalUnit last_unit() const;
  // array: `element`; map: `key`, `value`; structure: its fields; else none.
  const std::vector<Field>& fields() const;
  const Type& element() const;
  const Type& key() const;
  const Type& value() const;

  bool is_integer() const { return kind_ == TypeKind::int32 || kind_ == TypeKind::int64; }
  bool is_float() const { return kind_ == TypeKind::float32 || kind_ == TypeKind::float64; }
  bool is_numeric() const { return is_integer() || is_float() || kind_ == TypeKind::decimal; }
  bool is_nested() const { return kind_ == TypeKind::array || kind_ == TypeKind::map || kind_ == TypeKind::structure; }

  // Spark's simpleString: `struct<a:int,b:decimal(10,2)>`.
  std::string name() const;
  // Names of struct fields count.
  friend bool operator==(const Type&, const Type&);

 private:
  TypeKind kind_ = TypeKind::null;
  // Of an interval the units that it lacks at its start and at its end.
  std::uint8_t precision_ = 0;
  std::uint8_t scale_ = 0;
  std::shared_ptr<const std::vector<Field>> fields_;
};

// `DAY TO SECOND`, `HOUR`, `YEAR TO MONTH`, as Spark writes them.
std::string interval_fields(const Type& interval);

struct Field {
  std::string name;
  Type type;
  friend bool operator==(const Field&, const Field&) = default;
};

// The place of a mistake in the text of a type, in bytes from its start.
struct TypeSyntaxError {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::string message;
};

// Reads a whole text as a type; names are case-insensitive, blanks are free, `integer long numeric` and
// other synonyms of Spark's are known. Nested deeper than 100 is an error.
std::optional<Type> parse_type(std::string_view text, TypeSyntaxError& error);
// Reads a type at the start of `text` and sets `used` to its length: for `cast(x as T)` and `x::T`.
std::optional<Type> parse_type_prefix(std::string_view text, std::size_t& used, TypeSyntaxError& error);

// The columns of a stream. Hidden ones (`_file`, `_offset`…) follow the others, and count only where named.
struct Schema {
  std::vector<Field> columns;
  std::vector<Field> hidden;

  // Position over columns, then hidden; case-sensitive.
  std::optional<std::uint32_t> find(std::string_view name) const;
  const Field& at(std::uint32_t position) const;
  std::uint32_t size() const { return static_cast<std::uint32_t>(columns.size() + hidden.size()); }
  // `(id bigint, date date)`: the visible columns.
  std::string to_string() const;
  friend bool operator==(const Schema&, const Schema&) = default;
};

}  // namespace streamrun
