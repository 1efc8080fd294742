// Options are declared once, as members of a plain struct, and arrive typed. Decoding, checking, help
// pages and the JSON Schema all come from the same table:
//
//   struct CountOptions { std::string as = "count"; };
//   Options<CountOptions>{}.optional("as", &CountOptions::as, "count", "name of the column")
//
// A C++ type is an option type when Codec<T> says how it is read and what shape it has.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/syntax_tree.h"
#include "runner/base/units.h"
#include "runner/data/type.h"

namespace streamrun {

class OptionTable;
class Catalog;

// What declarations hold is copied and destroyed in option_declarations.cc alone: each operator's file would have code
// for it.

// What a value looks like, as data: the JSON Schema and the help pages are made from it.
struct Shape {
  Shape();
  Shape(const Shape& other);
  Shape(Shape&& other) noexcept;
  Shape& operator=(const Shape& other);
  Shape& operator=(Shape&& other) noexcept;
  ~Shape();

  enum class Kind : std::uint8_t {
    boolean,
    integer,
    number,
    text,
    duration,
    size,
    expression,
    type,
    name,
    identifier,
    stream,
    choice,
    secret,
    list,     // of[0]
    map_of,   // names → of[0]; the names are of shape of[1], if there is one
    mapping,  // a closed mapping: table
    any_of,   // of
    schema,   // an inline schema, or the path of one
    rows,     // rows of data
    value,    // anything
    // Entries of the catalog with what stands beside them.
    source,
    table,
    step,
    output,
  };
  Kind kind = Kind::text;
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  bool single = false;  // list: one value may stand for a list of one
  std::vector<std::string_view> choices;
  std::vector<Shape> of;
  const OptionTable* table = nullptr;

  static Shape of_kind(Kind kind);
  static Shape list_of(Shape item, bool single = false);
  static Shape map_to(Shape value, std::optional<Kind> names = std::nullopt);
  static Shape mapping_of(const OptionTable& table);
  static Shape choice_of(std::vector<std::string_view> choices);
  static Shape any(std::vector<Shape> shapes);

  std::string to_string() const;  // for help: `duration`, `earliest | latest`, `[name]`, `{name: expression}`
};

// A value and where it stands.
template <class T>
struct Located {
  T value{};
  Span span;
};

struct ExprText {
  LocatedText text;
};  // an expression, not yet parsed
struct NameText {
  LocatedText text;
};  // the name of a column
struct StreamName {
  LocatedText text;
};  // the name of a source, stream or table
// The name of a source, stream, table, output or param: letters, digits and _, no digit first.
struct Identifier : LocatedText {
  using LocatedText::LocatedText;
};
struct NamedExpr {
  LocatedText name;
  ExprText expr;
};
using NamedExprs = std::vector<NamedExpr>;
// A key: a column, a list of columns, or a mapping that computes them (an entry without `expr` is a column).
struct KeyColumn {
  LocatedText name;
  std::optional<ExprText> expr;
};
struct KeyOption {
  std::vector<KeyColumn> columns;
  Span span;
};
// Rows as they stand; typed later, by a schema.
struct RowNodes {
  std::vector<SyntaxNode> rows;
  Span span;
};
struct SchemaOption {
  Schema schema;
  std::vector<Span> spans;  // of each column's type
  Span span;
};
// A password or key: a text, `{env: NAME}` or `{file: path}` (which nobody else may read). Never printed.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  const std::string& reveal() const { return value_; }

 private:
  std::string value_;
};

struct DecodeContext {
  Diagnostics& diagnostics;
  const Catalog* catalog = nullptr;  // of what an option may name: formats
  // Reads the schema that a file holds; `path` is relative to the file that has `place`. False: a diagnostic was
  // given.
  std::function<bool(const std::string& path, Span place, SchemaOption& out)> load_schema = {};
};

// template <> struct Codec<T> {
//   static Shape shape();
//   static bool decode(const SyntaxNode&, T&, DecodeContext&);   // false: a diagnostic was given
// };
template <class T>
struct Codec;

// Bounds of an integer option, and other facts that a type alone does not tell.
struct Bounds {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

struct OptionEntry {
  OptionEntry();
  OptionEntry(const OptionEntry& other);
  OptionEntry(OptionEntry&& other) noexcept;
  OptionEntry& operator=(const OptionEntry& other);
  OptionEntry& operator=(OptionEntry&& other) noexcept;
  ~OptionEntry();

  std::string_view name;
  std::string_view help;
  std::string_view default_text;  // as the user would write it; empty: none
  bool required = false;
  Shape shape;
  // Null: the value is read elsewhere (a section of the pipeline's file).
  std::function<bool(const SyntaxNode&, void*, DecodeContext&)> decode;
};

// The options of one operator, type-erased. Const once declared.
class OptionTable {
 public:
  OptionTable();
  OptionTable(const OptionTable& other);
  OptionTable(OptionTable&& other) noexcept;
  OptionTable& operator=(const OptionTable& other);
  OptionTable& operator=(OptionTable&& other) noexcept;
  ~OptionTable();

  // `what` names the thing in messages: `step 'filter'`, `source 'file'`.
  // Unknown, missing and doubled keys and wrong types are diagnostics, all of them.
  bool decode(const SyntaxNode& node, void* target, std::string_view what, DecodeContext& context) const;
  // Decodes only the entries that `node` has among others: where several tables share a mapping.
  bool decode_known(const SyntaxNode& node, void* target, std::string_view what, DecodeContext& context) const;

  const std::vector<OptionEntry>& entries() const { return entries_; }
  const OptionEntry* find(std::string_view name) const;
  // The forms that are no mapping of options: `filter: expr`, `drop: [a]`, `map: {name: expr}`.
  const std::optional<OptionEntry>& whole() const { return whole_; }
  // Groups of options of which exactly one is given.
  const std::vector<std::vector<std::string_view>>& choices() const { return choices_; }
  // The options may be left out altogether (`count` as a bare word).
  bool may_be_bare() const;

  std::vector<OptionEntry> entries_;
  std::vector<std::vector<std::string_view>> choices_;
  std::optional<OptionEntry> whole_;
  // Tried on a mapping when `whole` takes mappings too: named options win if every key is one of them.
  bool whole_takes_mappings_ = false;
};

// What Options does that hangs on no type.
class OptionsBase {
 public:
  OptionTable table() && { return std::move(table_); }
  OptionTable table() const& { return table_; }

 protected:
  using Decode = std::function<bool(const SyntaxNode&, void*, DecodeContext&)>;
  void add(std::string_view name, std::string_view help, std::string_view default_text, bool required, Shape shape,
           Bounds bounds, Decode decode);
  void add_whole(std::string_view help, Shape shape, Bounds bounds, Decode decode);
  void add_choice(std::vector<std::string_view> names);

 private:
  OptionTable table_;
};

template <class S>
class Options : public OptionsBase {
 public:
  // `member`: of S, or of what it inherits.
  template <class T, class B>
  Options& required(std::string_view name, T B::* member, std::string_view help, Bounds bounds = {}) {
    add(name, help, {}, true, Codec<T>::shape(), bounds, decoder<T>(member));
    return *this;
  }
  template <class T, class B>
  Options& optional(std::string_view name, T B::* member, std::string_view default_text, std::string_view help,
                    Bounds bounds = {}) {
    add(name, help, default_text, false, Codec<T>::shape(), bounds, decoder<T>(member));
    return *this;
  }
  // Declared here and read by who knows the catalog.
  Options& section(std::string_view name, Shape shape, std::string_view help, bool required = false) {
    add(name, help, {}, required, std::move(shape), {}, nullptr);
    return *this;
  }
  // Exactly one of these, declared before, is given.
  Options& one_of(std::vector<std::string_view> names) {
    add_choice(std::move(names));
    return *this;
  }
  // The argument as a whole is this member, where it is not a mapping of named options.
  template <class T>
  Options& whole(T S::* member, std::string_view help, Bounds bounds = {}) {
    add_whole(help, Codec<T>::shape(), bounds, decoder<T>(member));
    return *this;
  }

 private:
  template <class T>
  static Decode decoder(T S::* member) {
    return [member](const SyntaxNode& node, void* target, DecodeContext& context) {
      return Codec<T>::decode(node, static_cast<S*>(target)->*member, context);
    };
  }
};

// The codecs of the option types above and of bool, int64_t, uint32_t, double, std::string, Duration and
// ByteSize; more for enums (by a table of their names), lists, maps, optionals and nested tables.
// Integers are checked against the shape's bounds by OptionTable.
#define STREAMRUN_DECLARE_CODEC(T)                             \
  template <>                                                  \
  struct Codec<T> {                                            \
    static Shape shape();                                      \
    static bool decode(const SyntaxNode&, T&, DecodeContext&); \
  }
STREAMRUN_DECLARE_CODEC(bool);
STREAMRUN_DECLARE_CODEC(std::int64_t);
STREAMRUN_DECLARE_CODEC(std::uint32_t);
STREAMRUN_DECLARE_CODEC(std::uint64_t);
STREAMRUN_DECLARE_CODEC(double);
STREAMRUN_DECLARE_CODEC(char);  // a text of one byte
STREAMRUN_DECLARE_CODEC(std::string);
STREAMRUN_DECLARE_CODEC(LocatedText);  // any scalar as text
STREAMRUN_DECLARE_CODEC(Duration);
STREAMRUN_DECLARE_CODEC(ByteSize);
STREAMRUN_DECLARE_CODEC(ExprText);
STREAMRUN_DECLARE_CODEC(NameText);
STREAMRUN_DECLARE_CODEC(Identifier);
STREAMRUN_DECLARE_CODEC(StreamName);
STREAMRUN_DECLARE_CODEC(NamedExprs);
STREAMRUN_DECLARE_CODEC(KeyOption);
STREAMRUN_DECLARE_CODEC(RowNodes);
STREAMRUN_DECLARE_CODEC(SyntaxNode);  // as it stands
STREAMRUN_DECLARE_CODEC(SchemaOption);
STREAMRUN_DECLARE_CODEC(Secret);

// Whether it is an Identifier's; diagnosed if it is none.
bool check_identifier(const LocatedText& name, DecodeContext& context);

template <class T>
struct Codec<std::optional<T>> {
  static Shape shape() { return Codec<T>::shape(); }
  static bool decode(const SyntaxNode& node, std::optional<T>& out, DecodeContext& context) {
    const bool good = Codec<T>::decode(node, out.emplace(), context);
    if (!good) out.reset();
    return good;
  }
};

template <class T>
struct Codec<Located<T>> {
  static Shape shape() { return Codec<T>::shape(); }
  static bool decode(const SyntaxNode& node, Located<T>& out, DecodeContext& context) {
    out.span = node.span;
    return Codec<T>::decode(node, out.value, context);
  }
};

// A list; one value may stand for a list of one.
bool decode_list(const SyntaxNode& node, DecodeContext& context, const std::function<bool(const SyntaxNode&)>& each);

// Each entry of a mapping.
bool decode_names(const SyntaxNode& node, DecodeContext& context,
                  const std::function<bool(const SyntaxNode::Entry&)>& each);

template <class T>
struct Codec<std::vector<T>> {
  static Shape shape() { return Shape::list_of(Codec<T>::shape(), true); }
  static bool decode(const SyntaxNode& node, std::vector<T>& out, DecodeContext& context) {
    return decode_list(node, context, [&](const SyntaxNode& item) {
      const bool good = Codec<T>::decode(item, out.emplace_back(), context);
      if (!good) out.pop_back();
      return good;
    });
  }
};

// Names and what they stand for, in the order of the file.
template <class T>
using NamedValues = std::vector<std::pair<LocatedText, T>>;

template <class T>
struct Codec<NamedValues<T>> {
  static Shape shape() { return Shape::map_to(Codec<T>::shape()); }
  static bool decode(const SyntaxNode& node, NamedValues<T>& out, DecodeContext& context) {
    return decode_names(node, context, [&](const SyntaxNode::Entry& entry) {
      return Codec<T>::decode(entry.value, out.emplace_back(entry.key, T{}).second, context);
    });
  }
};

// The names of an enum's values: `template <> struct EnumNames<OnError> { static constexpr std::pair<std::string_view,
// OnError> names[] = …; };`
template <class E>
struct EnumNames;
// The position of the scalar's text in `names`, or a diagnostic with the nearest.
std::optional<std::size_t> decode_choice(const SyntaxNode& node, const std::vector<std::string_view>& names,
                                         DecodeContext& context);

template <class E>
  requires requires { EnumNames<E>::names; }
struct Codec<E> {
  static Shape shape() {
    std::vector<std::string_view> choices;
    for (const auto& [name, value] : EnumNames<E>::names) choices.push_back(name);
    return Shape::choice_of(std::move(choices));
  }
  static bool decode(const SyntaxNode& node, E& out, DecodeContext& context) {
    const auto found = decode_choice(node, shape().choices, context);
    if (found) out = EnumNames<E>::names[*found].second;
    return found.has_value();
  }
};

// A nested mapping: a struct S with `static const OptionTable& options();`.
template <class S>
  requires requires { S::options(); }
struct Codec<S> {
  static Shape shape() { return Shape::mapping_of(S::options()); }
  static bool decode(const SyntaxNode& node, S& out, DecodeContext& context) {
    return S::options().decode(node, &out, "this mapping", context);
  }
};

// Decoded options of any operator, with the table that made them.
using OptionsPtr = std::shared_ptr<const void>;

}  // namespace streamrun
