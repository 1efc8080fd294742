// Expressions that are right, and yet seldom what was meant.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runner/expr/checker.h"
#include "runner/expr/coercion.h"

namespace streamrun {
namespace {

bool is_null_literal(const Ast& ast) {
  return ast.kind == AstKind::literal && ast.type.kind() == TypeKind::null;
}

// Functions whose argument is a pattern, and which one that is.
struct PatternArgument {
  std::string_view function;
  std::size_t argument;
};
constexpr std::array kPatterns = {
    PatternArgument{"rlike", 1},
    PatternArgument{"regexp", 1},
    PatternArgument{"regexp_like", 1},
    PatternArgument{"regexp_extract", 1},
    PatternArgument{"regexp_extract_all", 1},
    PatternArgument{"regexp_replace", 1},
    PatternArgument{"regexp_replace", 2},
    PatternArgument{"split", 1},
    PatternArgument{"like", 1},
    PatternArgument{"ilike", 1},
    PatternArgument{"date_format", 1},
    PatternArgument{"to_date", 1},
    PatternArgument{"to_timestamp", 1},
    PatternArgument{"try_to_date", 1},
    PatternArgument{"try_to_timestamp", 1},
    PatternArgument{"from_unixtime", 1},
    PatternArgument{"unix_timestamp", 1},
    PatternArgument{"to_unix_timestamp", 1},
};

// Where the first backslash stands that a text loses though its author meant it: npos: none. Escapes that give a
// character are meant, but for those that a pattern has of its own.
std::size_t find_lost_backslash(std::string_view literal) {
  if (literal.empty() || (literal[0] != '\'' && literal[0] != '"')) return std::string_view::npos;
  for (std::size_t at = 1; at + 1 < literal.size(); ++at) {
    if (literal[at] != '\\') continue;
    const char next = literal[at + 1];
    if (std::string_view("0nrt\\'\"%_uU123").find(next) == std::string_view::npos) return at;
    ++at;
  }
  return std::string_view::npos;
}

}  // namespace

void Checker::warn(std::string code, const Ast& at, std::string message) {
  diagnostics_.warning(std::move(code), text_.span(at.begin, at.end), std::move(message));
}

void Checker::warn_null_operand(const Ast& call) {
  constexpr std::array<std::string_view, 6> kComparisons = {"=", "<>", "<", "<=", ">", ">="};
  if (call.children.size() != 2 || std::ranges::find(kComparisons, call.text) == kComparisons.end()) return;
  const bool second = is_null_literal(*call.children[1]);
  if (!second && !is_null_literal(*call.children[0])) return;
  const Ast& other = *call.children[second ? 0 : 1];
  warn("null-comparison", call,
       fmt::format("a comparison with null is never true; write {} is {}null", written(other),
                   call.text == "<>" ? "not " : ""));
}

void Checker::warn_null_listed(const Ast& in_list) {
  for (std::size_t i = 1; i < in_list.children.size(); ++i) {
    const Ast& item = *in_list.children[i];
    if (!is_null_literal(item)) continue;
    warn("null-comparison", item,
         fmt::format("a null in the list equals nothing, and `not in` is never true with it; write {0} is null or "
                     "{0} is not null beside it",
                     written(*in_list.children[0])));
  }
}

void Checker::warn_text_as_number(const ExprNode& argument, const Type& to, const Ast& at) {
  if (argument.type.kind() != TypeKind::string || !to.is_numeric() || argument.kind == NodeKind::constant) return;
  warn("text-as-number", at,
       fmt::format("the text {0} is read as {1} here, and a row whose text is no number is an error; write "
                   "cast({0} as {1}) if it is meant, try_cast for null in its place, or compare it with a text",
                   written(at), to.name()));
}

void Checker::warn_compared(const ExprNode& a, const Ast& at_a, const ExprNode& b, const Ast& at_b) {
  const auto type = comparison_type(a.type, b.type);
  if (!type) return;
  warn_text_as_number(a, *type, at_a);
  warn_text_as_number(b, *type, at_b);
}

void Checker::warn_unfit_constant(const ExprNode& value, const Type& to, const Ast& at) {
  // Elsewhere it is an error.
  if (guards_ == 0 || value.kind != NodeKind::constant || value.type.kind() != TypeKind::string || to == value.type)
    return;
  Diagnostics unsaid;
  const auto same = std::make_shared<ExprNode>(value);
  if (value.value->is_null(0) || Checker(text_, scope_, unsaid).cast(same, to, at) != nullptr) return;
  warn("text-as-number", at,
       fmt::format("the text {} is no {}, which the other values are read as: a row that takes it is an error; cast "
                   "them to string if texts are meant",
                   written(at), to.name()));
}

NodePtr Checker::cast_with_warning(NodePtr node, const Type& type, const Ast& at) {
  warn_text_as_number(*node, type, at);
  return cast(std::move(node), type, at);
}

void Checker::warn_lost_backslash(std::string_view function, const Ast& call) {
  for (const PatternArgument& pattern : kPatterns) {
    if (pattern.function != function || pattern.argument >= call.children.size()) continue;
    const Ast& constant = *call.children[pattern.argument];
    const std::string hint = lost_backslash_hint(constant);
    if (hint.empty()) continue;
    const auto at = static_cast<std::uint32_t>(constant.begin + find_lost_backslash(written(constant)));
    diagnostics_.warning("lost-backslash", text_.span(at, at + 2), hint.substr(2));
  }
}

std::string Checker::lost_backslash_hint(const Ast& constant) const {
  if (constant.kind != AstKind::literal || constant.type.kind() != TypeKind::string) return {};
  const std::string_view literal = written(constant);
  const std::size_t at = find_lost_backslash(literal);
  if (at == std::string_view::npos) return {};
  const std::string_view escape = literal.substr(at, 2);
  const std::string becomes = escape == "\\b"   ? "a backspace"
                              : escape == "\\Z" ? "the character 26"
                                                : fmt::format("'{}'", escape.substr(1));
  return fmt::format("; a text loses this backslash, as in Spark ('{}' is {}); write r{}", escape, becomes, literal);
}

}  // namespace streamrun
