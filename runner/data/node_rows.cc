#include "runner/data/node_rows.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "runner/data/json_variant.h"
#include "runner/data/text_value.h"
#include "runner/data/value_builder.h"

namespace streamrun {
namespace {

bool is_bigint(std::string_view text) {
  std::int64_t value = 0;
  return !text.empty() && static_cast<unsigned char>(text[0]) > ' ' && static_cast<unsigned char>(text.back()) > ' ' &&
         parse_bigint(text, value);
}

// YAML's numbers that are no whole ones, `.inf` and `.nan` among them.
bool is_yaml_double(std::string_view text) {
  std::string_view size = text;
  if (!size.empty() && (size[0] == '-' || size[0] == '+')) size.remove_prefix(1);
  if (size == ".inf" || size == ".Inf" || size == ".INF" || text == ".nan" || text == ".NaN" || text == ".NAN") {
    return true;
  }
  if (size.empty() || size.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return false;
  double value = 0;
  return parse_double(text, value);
}

bool is_boolean(std::string_view text) {
  return text == "true" || text == "false" || text == "True" || text == "False" || text == "TRUE" || text == "FALSE";
}

// The text of a plain scalar in the form that append_from_text reads.
std::string_view json_form(const Type& type, std::string_view text) {
  if (type.kind() == TypeKind::boolean && is_boolean(text)) return text[0] == 't' || text[0] == 'T' ? "true" : "false";
  if (type.is_float() && is_yaml_double(text)) {
    if (text == ".nan" || text == ".NaN" || text == ".NAN") return "NaN";
    if (text.size() >= 4 && (text.ends_with("inf") || text.ends_with("Inf") || text.ends_with("INF"))) {
      return text[0] == '-' ? "-Infinity" : "Infinity";
    }
  }
  return text;
}

std::string_view shape_name(const SyntaxNode& node) {
  switch (node.kind) {
    case SyntaxNode::Kind::null: return "null";
    case SyntaxNode::Kind::scalar: return "a scalar";
    case SyntaxNode::Kind::sequence: return "a sequence";
    case SyntaxNode::Kind::mapping: return "a mapping";
  }
  return {};
}

std::string_view written_form(const Type& type) {
  switch (type.kind()) {
    case TypeKind::boolean: return "true or false";
    case TypeKind::int32:
    case TypeKind::int64: return "a whole number in its range";
    case TypeKind::float32:
    case TypeKind::float64: return "a number, NaN, Infinity or -Infinity";
    case TypeKind::decimal: return "a number of at most as many digits";
    case TypeKind::binary: return "base64";
    case TypeKind::date: return "YYYY-MM-DD";
    case TypeKind::timestamp: return "YYYY-MM-DDTHH:MM:SSZ";
    case TypeKind::array: return "a sequence";
    case TypeKind::map:
    case TypeKind::structure: return "a mapping";
    default: return "a scalar";
  }
}

void append_json_node(const SyntaxNode& node, std::string& out) {
  switch (node.kind) {
    case SyntaxNode::Kind::null: out += "null"; return;
    case SyntaxNode::Kind::scalar: {
      const std::string& text = node.text.value();
      bool whole = false;
      if (node.plain && is_boolean(text)) {
        out += json_form(TypeKind::boolean, text);
      } else if (node.plain && json_number(text, whole)) {
        append_variant_number(text, whole, out);
      } else {
        append_json_string(text, out);
      }
      return;
    }
    case SyntaxNode::Kind::sequence: {
      out += '[';
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        if (i != 0) out += ',';
        append_json_node(node.items[i], out);
      }
      out += ']';
      return;
    }
    case SyntaxNode::Kind::mapping: {
      out += '{';
      for (std::size_t i = 0; i < node.entries.size(); ++i) {
        if (i != 0) out += ',';
        append_json_string(node.entries[i].key.value(), out);
        out += ':';
        append_json_node(node.entries[i].value, out);
      }
      out += '}';
      return;
    }
  }
}

// Writes nodes into builders. A node that does not fit is a diagnostic and a null.
class NodeReader {
 public:
  explicit NodeReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void append(const SyntaxNode& node, ValueBuilder& to) {
    const Type& type = to.type();
    if (type.kind() == TypeKind::variant) {
      append_variant(node, to);
      return;
    }
    if (node.kind == SyntaxNode::Kind::null) {
      to.append_null();
      return;
    }
    switch (type.kind()) {
      case TypeKind::array:
        if (node.kind != SyntaxNode::Kind::sequence) break;
        for (const SyntaxNode& item : node.items) append(item, to.child(0));
        to.end_list();
        return;
      case TypeKind::map:
        if (node.kind != SyntaxNode::Kind::mapping) break;
        for (const SyntaxNode::Entry& entry : node.entries) append_entry(entry, to);
        to.end_list();
        return;
      case TypeKind::structure:
        if (node.kind != SyntaxNode::Kind::mapping) break;
        append_structure(node, to);
        return;
      default:
        if (node.kind != SyntaxNode::Kind::scalar) break;
        if (append_from_text(to, json_form(type, node.text.value()))) return;
        break;
    }
    mismatch(node, type);
    to.append_null();
  }

 private:
  void append_variant(const SyntaxNode& node, ValueBuilder& to) {
    if (node.kind == SyntaxNode::Kind::null) {
      to.append_null();
      return;
    }
    std::string json;
    append_json_node(node, json);
    to.append_string(json);
  }

  void append_entry(const SyntaxNode::Entry& entry, ValueBuilder& to) {
    if (!append_from_text(to.child(0), json_form(to.type().key(), entry.key.value()))) {
      diagnostics_.error(
          "type-mismatch", entry.key.whole(),
          "'" + entry.key.value() + "' is no " + to.type().key().name() + ", the type of the map's keys");
      return;
    }
    append(entry.value, to.child(1));
  }

  void append_structure(const SyntaxNode& node, ValueBuilder& to) {
    const std::vector<Field>& fields = to.type().fields();
    for (const SyntaxNode::Entry& entry : node.entries) {
      const auto field = std::ranges::find(fields, entry.key.value(), &Field::name);
      if (field == fields.end()) {
        unknown(entry.key, fields, "field");
        continue;
      }
      append(entry.value, to.child(static_cast<std::size_t>(field - fields.begin())));
    }
    to.end_struct();
  }

  void mismatch(const SyntaxNode& node, const Type& type) {
    std::string what =
        node.kind == SyntaxNode::Kind::scalar ? "'" + node.text.value() + "'" : std::string(shape_name(node));
    diagnostics_.error("type-mismatch", node.span,
                       what + " is no " + type.name() + "; write " + std::string(written_form(type)));
  }

 public:
  void unknown(const LocatedText& key, const std::vector<Field>& fields, std::string_view what) {
    std::vector<std::string_view> names;
    names.reserve(fields.size());
    for (const Field& field : fields) names.emplace_back(field.name);
    diagnostics_.error(
        "unknown-column", key.whole(),
        "there is no " + std::string(what) + " '" + key.value() + "'" + did_you_mean(key.value(), names));
  }

 private:
  Diagnostics& diagnostics_;
};

}  // namespace

std::vector<ColumnPtr> columns_of_rows(std::span<const SyntaxNode> rows, const Schema& schema,
                                       Diagnostics& diagnostics) {
  std::vector<Field> fields = schema.columns;
  fields.insert(fields.end(), schema.hidden.begin(), schema.hidden.end());
  std::vector<ValueBuilder> builders;
  builders.reserve(fields.size());
  for (const Field& field : fields) builders.emplace_back(field.type);

  NodeReader reader(diagnostics);
  std::uint32_t done = 0;
  for (const SyntaxNode& row : rows) {
    if (row.kind == SyntaxNode::Kind::mapping) {
      for (const SyntaxNode::Entry& entry : row.entries) {
        const std::optional<std::uint32_t> column = schema.find(entry.key.value());
        if (!column) {
          reader.unknown(entry.key, fields, "column");
        } else {
          reader.append(entry.value, builders[*column]);
        }
      }
    } else {
      diagnostics.error(
          "type-mismatch", row.span,
          "a row is a mapping of the columns " + schema.to_string() + ", not " + std::string(shape_name(row)));
    }
    ++done;
    for (ValueBuilder& builder : builders) {
      if (builder.rows() < done) builder.append_null();
    }
  }

  std::vector<ColumnPtr> columns;
  columns.reserve(builders.size());
  for (ValueBuilder& builder : builders) columns.push_back(builder.finish());
  return columns;
}

Type type_of_scalars(std::span<const SyntaxNode> rows, Type so_far) {
  for (const SyntaxNode& row : rows) {
    if (row.kind == SyntaxNode::Kind::null) continue;
    TypeKind kind = TypeKind::string;
    if (row.kind == SyntaxNode::Kind::scalar && row.plain) {
      const std::string& text = row.text.value();
      if (is_bigint(text)) {
        kind = TypeKind::int64;
      } else if (is_yaml_double(text)) {
        kind = TypeKind::float64;
      } else if (is_boolean(text)) {
        kind = TypeKind::boolean;
      }
    }
    const auto number = [](TypeKind k) { return k == TypeKind::int64 || k == TypeKind::float64; };
    if (so_far.kind() == TypeKind::null || so_far.kind() == kind) {
      so_far = kind;
    } else if (number(so_far.kind()) && number(kind)) {
      so_far = TypeKind::float64;
    } else {
      so_far = TypeKind::string;
    }
  }
  return so_far;
}

ColumnPtr column_of_scalars(std::span<const SyntaxNode> rows, const Type& type, Diagnostics& diagnostics) {
  ValueBuilder builder(type);
  NodeReader reader(diagnostics);
  for (const SyntaxNode& row : rows) reader.append(row, builder);
  return builder.finish();
}

}  // namespace streamrun
