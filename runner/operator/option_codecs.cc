#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "runner/base/foreign_name.h"
#include "runner/operator/option_faults.h"
#include "runner/operator/options.h"

namespace streamrun {
namespace {

Shape at_least_one(Shape shape) {
  shape.min = 1;
  return shape;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// JSON's numbers, with or without fraction and exponent.
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    std::string_view power = text.substr(exponent + 1);
    if (power.starts_with('-') || power.starts_with('+')) power.remove_prefix(1);
    if (!all_digits(power)) return false;
    text = text.substr(0, exponent);
  }
  const std::size_t point = text.find('.');
  if (point != std::string_view::npos) {
    if (!all_digits(text.substr(point + 1))) return false;
    text = text.substr(0, point);
  }
  return all_digits(text) && (text.size() == 1 || text[0] != '0');
}

bool has_leading_zero(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

// The number that was written in quotes, or null where the node is none.
bool refuse_quoted_number(const SyntaxNode& node, std::string_view expected, DecodeContext& context) {
  if (node.plain || !is_number(node.text.value())) return false;
  context.diagnostics.error(
      "wrong-type", node.span,
      fmt::format("expected {0}; found the text '{1}': write {1} without quotes", expected, node.text.value()));
  return true;
}

bool fault(const SyntaxNode& node, std::string code, std::string message, DecodeContext& context) {
  context.diagnostics.error(std::move(code), node.span, std::move(message));
  return false;
}

template <class T>
bool read_bounded(const SyntaxNode& node, T& out, std::int64_t max, DecodeContext& context) {
  std::int64_t value = 0;
  if (!read_integer(node, value, context)) return false;
  if (value < 0 || value > max) {
    return fault(node, "out-of-range", fmt::format("expected a whole number from 0 to {}; found {}", max, value),
                 context);
  }
  out = static_cast<T>(value);
  return true;
}

// Without the backquotes that an expression would need.
LocatedText column_name(const LocatedText& text) {
  const std::string& value = text.value();
  if (value.size() < 3 || value.front() != '`' || value.back() != '`') return text;
  std::string name = value.substr(1, value.size() - 2);
  if (name.find('`') != std::string::npos) return text;
  const auto size = static_cast<std::uint32_t>(value.size());
  const Span span = text.span(1, size - 1);
  return {std::move(name), span};
}

bool unique_name(const LocatedText& name, std::set<std::string_view>& seen, DecodeContext& context) {
  if (seen.insert(name.value()).second) return true;
  context.diagnostics.error("duplicate-name", name.whole(), fmt::format("the name '{}' is given twice", name.value()));
  return false;
}

bool missing_expression(const SyntaxNode::Entry& entry, DecodeContext& context) {
  context.diagnostics.error(
      "wrong-type", entry.key.whole(),
      fmt::format("'{}' has no expression; if one was cut at a comma or bracket, quote the whole expression",
                  entry.key.value()));
  return false;
}

}  // namespace

bool is_identifier(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !text.empty() && letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [letter](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool empty_name(const LocatedText& name, DecodeContext& context) {
  if (!name.value().empty()) return false;
  context.diagnostics.error("wrong-type", name.whole(), "expected a name; found an empty text");
  return true;
}

bool is_nothing(const SyntaxNode& node) {
  return node.kind == SyntaxNode::Kind::null && node.text.value().empty();
}

ExprText column_expression(const LocatedText& name) {
  if (is_identifier(name.value())) return {name};
  std::string quoted = "`";
  for (const char c : name.value()) quoted.append(c == '`' ? 2 : 1, c);
  quoted += '`';
  return {LocatedText(std::move(quoted), name.whole(), {{0, name.whole().begin, false}})};
}

std::string describe_node(const SyntaxNode& node) {
  switch (node.kind) {
    case SyntaxNode::Kind::null: return node.text.value().empty() ? "nothing" : node.text.value();
    case SyntaxNode::Kind::sequence: return "a list";
    case SyntaxNode::Kind::mapping: return "a mapping";
    case SyntaxNode::Kind::scalar: break;
  }
  const std::string& value = node.text.value();
  if (value.empty()) return "an empty text";
  // Whole characters only.
  std::size_t end = std::min<std::size_t>(value.size(), 60);
  while (end < value.size() && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80U) --end;
  return fmt::format("'{}{}'", std::string_view(value).substr(0, end), end < value.size() ? "…" : "");
}

bool wrong_type(const SyntaxNode& node, std::string_view expected, DecodeContext& context) {
  return fault(node, "wrong-type", fmt::format("expected {}; found {}", expected, describe_node(node)), context);
}

bool has_text(const SyntaxNode& node) {
  return node.kind == SyntaxNode::Kind::scalar || (node.kind == SyntaxNode::Kind::null && !node.text.value().empty());
}

std::optional<bool> read_boolean(const SyntaxNode& node) {
  if (node.kind != SyntaxNode::Kind::scalar || !node.plain) return std::nullopt;
  const std::string& text = node.text.value();
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

bool read_integer(const SyntaxNode& node, std::int64_t& out, DecodeContext& context) {
  constexpr std::string_view kExpected = "a whole number";
  if (node.kind != SyntaxNode::Kind::scalar) return wrong_type(node, kExpected, context);
  const std::string_view text = node.text.value();
  if (refuse_quoted_number(node, kExpected, context)) return false;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (!node.plain || !all_digits(digits)) return wrong_type(node, kExpected, context);
  if (has_leading_zero(text)) {
    return fault(
        node, "wrong-type",
        fmt::format("expected a whole number; '{}' begins with a zero, which some read as octal: leave it out", text),
        context);
  }
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc()) {
    return fault(node, "out-of-range", fmt::format("{} does not fit into 64 bits", describe_node(node)), context);
  }
  return true;
}

namespace {

// `path: \u201cx.jsonl\u201d`: to YAML such quotes are letters.
bool refuse_typographic(const SyntaxNode& node, DecodeContext& context) {
  constexpr std::string_view kPairs[][2] = {{"\u201c", "\u201d"}, {"\u2018", "\u2019"}, {"\u201e", "\u201c"},
                                            {"\u00ab", "\u00bb"}, {"\u201d", "\u201d"}, {"\u2019", "\u2019"}};
  const std::string_view text = node.text.value();
  for (const auto& [opening, closing] : kPairs) {
    if (!node.plain || text.size() < opening.size() + closing.size()) continue;
    if (!text.starts_with(opening) || !text.ends_with(closing)) continue;
    return !fault(node, "typographic-quotes",
                  fmt::format("typographic quotes are letters to YAML; write \"{}\"",
                              text.substr(opening.size(), text.size() - opening.size() - closing.size())),
                  context);
  }
  return false;
}

}  // namespace

Shape Codec<bool>::shape() {
  return Shape::of_kind(Shape::Kind::boolean);
}
bool Codec<bool>::decode(const SyntaxNode& node, bool& out, DecodeContext& context) {
  const auto found = read_boolean(node);
  if (found) {
    out = *found;
    return true;
  }
  constexpr ForeignName kWords[] = {{"yes", "true"},  {"on", "true"},    {"1", "true"},    {"y", "true"},
                                    {"true", "true"}, {"no", "false"},   {"off", "false"}, {"0", "false"},
                                    {"n", "false"},   {"false", "false"}};
  const std::string_view ours = has_text(node) ? find_foreign(node.text.value(), kWords) : std::string_view();
  if (ours.empty()) return wrong_type(node, "true or false", context);
  return fault(node, "wrong-type",
               fmt::format("expected true or false; found {}; write {}{}", describe_node(node), ours,
                           node.plain ? "" : ", without quotes"),
               context);
}

Shape Codec<std::int64_t>::shape() {
  return Shape::of_kind(Shape::Kind::integer);
}
bool Codec<std::int64_t>::decode(const SyntaxNode& node, std::int64_t& out, DecodeContext& context) {
  return read_integer(node, out, context);
}

Shape Codec<std::uint32_t>::shape() {
  Shape shape = Shape::of_kind(Shape::Kind::integer);
  shape.min = 0;
  shape.max = std::numeric_limits<std::uint32_t>::max();
  return shape;
}
bool Codec<std::uint32_t>::decode(const SyntaxNode& node, std::uint32_t& out, DecodeContext& context) {
  return read_bounded(node, out, std::numeric_limits<std::uint32_t>::max(), context);
}

Shape Codec<std::uint64_t>::shape() {
  Shape shape = Shape::of_kind(Shape::Kind::integer);
  shape.min = 0;
  return shape;
}
bool Codec<std::uint64_t>::decode(const SyntaxNode& node, std::uint64_t& out, DecodeContext& context) {
  return read_bounded(node, out, std::numeric_limits<std::int64_t>::max(), context);
}

Shape Codec<double>::shape() {
  return Shape::of_kind(Shape::Kind::number);
}
bool Codec<double>::decode(const SyntaxNode& node, double& out, DecodeContext& context) {
  constexpr std::string_view kExpected = "a number";
  if (node.kind != SyntaxNode::Kind::scalar) return wrong_type(node, kExpected, context);
  if (refuse_quoted_number(node, kExpected, context)) return false;
  const std::string& text = node.text.value();
  if (!node.plain || !is_number(text)) return wrong_type(node, kExpected, context);
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || !std::isfinite(out)) {
    return fault(node, "out-of-range", fmt::format("{} does not fit into a double", describe_node(node)), context);
  }
  return true;
}

Shape Codec<char>::shape() {
  Shape shape = Shape::of_kind(Shape::Kind::text);
  shape.max = 1;
  return shape;
}
bool Codec<char>::decode(const SyntaxNode& node, char& out, DecodeContext& context) {
  if (!has_text(node) || node.text.value().size() != 1) {
    return wrong_type(node, "a text of one ASCII character (a tab is \"\\t\", in double quotes)", context);
  }
  out = node.text.value()[0];
  return true;
}

Shape Codec<std::string>::shape() {
  return Shape::of_kind(Shape::Kind::text);
}
bool Codec<std::string>::decode(const SyntaxNode& node, std::string& out, DecodeContext& context) {
  if (!has_text(node)) return wrong_type(node, "a text", context);
  if (refuse_typographic(node, context)) return false;
  out = node.text.value();
  return true;
}

Shape Codec<LocatedText>::shape() {
  return Shape::of_kind(Shape::Kind::text);
}
bool Codec<LocatedText>::decode(const SyntaxNode& node, LocatedText& out, DecodeContext& context) {
  if (!has_text(node)) return wrong_type(node, "a text", context);
  if (refuse_typographic(node, context)) return false;
  out = node.text;
  return true;
}

Shape Codec<Duration>::shape() {
  return Shape::of_kind(Shape::Kind::duration);
}
bool Codec<Duration>::decode(const SyntaxNode& node, Duration& out, DecodeContext& context) {
  if (!has_text(node)) return wrong_type(node, "a duration (500ms, 1s, 5m, 2h)", context);
  const Result<Duration> parsed = parse_duration(node.text.value());
  if (!parsed) return fault(node, "bad-duration", parsed.error().message, context);
  out = *parsed;
  return true;
}

Shape Codec<ByteSize>::shape() {
  Shape shape = Shape::of_kind(Shape::Kind::size);
  shape.min = 0;
  return shape;
}
bool Codec<ByteSize>::decode(const SyntaxNode& node, ByteSize& out, DecodeContext& context) {
  if (!has_text(node)) return wrong_type(node, "a size (64KiB, 10MB, 1GiB)", context);
  const Result<ByteSize> parsed = parse_byte_size(node.text.value());
  if (!parsed) return fault(node, "bad-size", parsed.error().message, context);
  out = *parsed;
  return true;
}

Shape Codec<ExprText>::shape() {
  return Shape::of_kind(Shape::Kind::expression);
}
bool Codec<ExprText>::decode(const SyntaxNode& node, ExprText& out, DecodeContext& context) {
  if (!has_text(node)) {
    const bool cut = node.kind == SyntaxNode::Kind::mapping || node.kind == SyntaxNode::Kind::sequence;
    return fault(node, "wrong-type",
                 fmt::format("expected an expression; found {}{}", describe_node(node),
                             cut ? "; if YAML read brackets of yours, quote the whole expression" : ""),
                 context);
  }
  if (node.text.value().empty()) return wrong_type(node, "an expression", context);
  out.text = node.text;
  return true;
}

Shape Codec<NameText>::shape() {
  return Shape::of_kind(Shape::Kind::name);
}
bool Codec<NameText>::decode(const SyntaxNode& node, NameText& out, DecodeContext& context) {
  if (!has_text(node) || node.text.value().empty()) return wrong_type(node, "the name of a column", context);
  out.text = column_name(node.text);
  return true;
}

bool check_identifier(const LocatedText& name, DecodeContext& context) {
  if (is_identifier(name.value())) return true;
  context.diagnostics.error(
      "bad-name", name.whole(),
      fmt::format("'{}' is no name; names are letters, digits and _, no digit first", name.value()));
  return false;
}

Shape Codec<Identifier>::shape() {
  return Shape::of_kind(Shape::Kind::identifier);
}
bool Codec<Identifier>::decode(const SyntaxNode& node, Identifier& out, DecodeContext& context) {
  return Codec<LocatedText>::decode(node, out, context) && check_identifier(out, context);
}

Shape Codec<StreamName>::shape() {
  return Shape::of_kind(Shape::Kind::stream);
}
bool Codec<StreamName>::decode(const SyntaxNode& node, StreamName& out, DecodeContext& context) {
  if (!has_text(node) || node.text.value().empty()) {
    return wrong_type(node, "the name of a source, stream or table", context);
  }
  out.text = node.text;
  return true;
}

Shape Codec<NamedExprs>::shape() {
  return at_least_one(Shape::map_to(Shape::of_kind(Shape::Kind::expression)));
}
bool Codec<NamedExprs>::decode(const SyntaxNode& node, NamedExprs& out, DecodeContext& context) {
  constexpr std::string_view kExpected = "a mapping of names to expressions";
  if (node.kind != SyntaxNode::Kind::mapping) return wrong_type(node, kExpected, context);
  if (node.entries.empty()) {
    return fault(node, "wrong-type", fmt::format("expected {}; found an empty one", kExpected), context);
  }
  bool good = true;
  for (const SyntaxNode::Entry& entry : node.entries) {
    ExprText expr;
    if (empty_name(entry.key, context)) {
      good = false;
    } else if (is_nothing(entry.value)) {
      good = missing_expression(entry, context);
    } else if (Codec<ExprText>::decode(entry.value, expr, context)) {
      out.push_back({column_name(entry.key), std::move(expr)});
    } else {
      good = false;
    }
  }
  return good;
}

Shape Codec<KeyOption>::shape() {
  const Shape name = Shape::of_kind(Shape::Kind::name);
  return Shape::any(
      {name, at_least_one(Shape::list_of(name)), at_least_one(Shape::map_to(Shape::of_kind(Shape::Kind::expression)))});
}
bool Codec<KeyOption>::decode(const SyntaxNode& node, KeyOption& out, DecodeContext& context) {
  out.span = node.span;
  bool good = true;
  if (node.kind == SyntaxNode::Kind::mapping && !node.entries.empty()) {
    for (const SyntaxNode::Entry& entry : node.entries) {
      KeyColumn column{column_name(entry.key), std::nullopt};
      if (empty_name(entry.key, context) ||
          (!is_nothing(entry.value) && !Codec<ExprText>::decode(entry.value, column.expr.emplace(), context))) {
        good = false;
        continue;
      }
      out.columns.push_back(std::move(column));
    }
    return good;
  }
  const bool list = node.kind == SyntaxNode::Kind::sequence && !node.items.empty();
  if (!list && !has_text(node)) {
    return wrong_type(node, "a key: a column, a list of columns, or a mapping that computes them", context);
  }
  std::set<std::string_view> seen;
  return decode_list(node, context, [&](const SyntaxNode& item) {
    NameText name;
    if (!Codec<NameText>::decode(item, name, context) || !unique_name(item.text, seen, context)) return false;
    out.columns.push_back({name.text, std::nullopt});
    return true;
  });
}

Shape Codec<RowNodes>::shape() {
  return Shape::of_kind(Shape::Kind::rows);
}
bool Codec<RowNodes>::decode(const SyntaxNode& node, RowNodes& out, DecodeContext& context) {
  if (node.kind != SyntaxNode::Kind::sequence) return wrong_type(node, "a list of rows", context);
  out.rows = node.items;
  out.span = node.span;
  return true;
}

Shape Codec<SyntaxNode>::shape() {
  return Shape::of_kind(Shape::Kind::value);
}
bool Codec<SyntaxNode>::decode(const SyntaxNode& node, SyntaxNode& out, DecodeContext&) {
  out = node;
  return true;
}

}  // namespace streamrun
