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
enum class Pattern : std::uint8_t { regex, replacement, like, time };
struct PatternArgument {
  std::string_view function;
  std::size_t argument;
  Pattern kind;
};
constexpr std::array kPatterns = {
    PatternArgument{"rlike", 1, Pattern::regex},
    PatternArgument{"regexp", 1, Pattern::regex},
    PatternArgument{"regexp_like", 1, Pattern::regex},
    PatternArgument{"regexp_extract", 1, Pattern::regex},
    PatternArgument{"regexp_extract_all", 1, Pattern::regex},
    PatternArgument{"regexp_replace", 1, Pattern::regex},
    PatternArgument{"regexp_replace", 2, Pattern::replacement},
    PatternArgument{"split", 1, Pattern::regex},
    PatternArgument{"like", 1, Pattern::like},
    PatternArgument{"ilike", 1, Pattern::like},
    PatternArgument{"date_format", 1, Pattern::time},
    PatternArgument{"to_date", 1, Pattern::time},
    PatternArgument{"to_timestamp", 1, Pattern::time},
    PatternArgument{"try_to_date", 1, Pattern::time},
    PatternArgument{"try_to_timestamp", 1, Pattern::time},
    PatternArgument{"from_unixtime", 1, Pattern::time},
    PatternArgument{"unix_timestamp", 1, Pattern::time},
    PatternArgument{"to_unix_timestamp", 1, Pattern::time},
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

// A text that is meant as it stands and is a pattern all the same; empty: none of them. `splits`: it stands between
// parts, where `.`, `^` and `$` make no sense either.
std::string plain_text_hint(std::string_view pattern, bool splits) {
  const bool all_alike = !pattern.empty() && pattern.find_first_not_of(pattern[0]) == std::string_view::npos;
  if (!all_alike || std::string_view(splits ? ".|^$" : "|").find(pattern[0]) == std::string_view::npos) return {};
  std::string escaped;
  for (const char c : pattern) escaped += {'\\', c};
  return fmt::format("as a pattern '{}' matches {}; write r'{}' if the text itself is meant", pattern,
                     pattern[0] == '.'   ? "any character"
                     : pattern[0] == '|' ? "the empty text everywhere"
                                         : "the empty text at an end",
                     escaped);
}

// The wildcards of a shell.
std::string shell_hint(std::string_view pattern) {
  if (pattern.empty() || pattern.find_first_of("%_") != std::string_view::npos) return {};
  if (pattern.front() != '*' && pattern.back() != '*') return {};
  std::string meant(pattern);
  std::ranges::replace(meant, '*', '%');
  return fmt::format("`like` takes '*' as it stands; write '{}' for any text there, or r'{}' if the star is meant",
                     meant, pattern);
}

// Letters of a pattern of times that stand in another one's place.
std::string time_letter_hint(std::string_view pattern) {
  std::string letters;  // one of each run, with what is quoted left out
  std::string runs;     // the pattern without it
  bool quoted = false;
  for (const char c : pattern) {
    if (c == '\'') quoted = !quoted;
    if (quoted || c == '\'') continue;
    runs += c;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && (letters.empty() || letters.back() != c)) letters += c;
  }
  const auto has_any = [](std::string_view text, std::initializer_list<std::string_view> of) {
    return std::ranges::any_of(of, [&](std::string_view one) { return text.find(one) != std::string_view::npos; });
  };
  const bool has_month = has_any(letters, {"M", "L"});
  if (!has_month && has_any(letters, {"ym", "um", "md", "dm", "my"})) return "m is the minute; write MM for the month";
  if (has_any(runs, {"H:M", "h:M", "k:M", "HHMM", "hhMM"})) return "M is the month; write mm for the minute";
  if (has_any(runs, {"m:S", "mmSS"})) return "S is a fraction of the second; write ss for the second";
  if (has_month && has_any(letters, {"D"}) && !has_any(letters, {"d"})) {
    return "D is the day of the year; write dd for that of the month";
  }
  if (has_any(letters, {"hm", "Km"}) && !has_any(letters, {"H", "k", "a"})) {
    return "h and K count the hours of half a day, and no `a` says of which; write HH";
  }
  return {};
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

void Checker::warn_null_case(const Ast& value, const Ast& tested) {
  if (!is_null_literal(tested)) return;
  warn("null-comparison", tested,
       fmt::format("nothing equals null, so this branch is never taken; write case when {} is null then …",
                   written(value)));
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

void Checker::warn_pattern(std::string_view function, const Ast& call) {
  for (const PatternArgument& one : kPatterns) {
    if (one.function != function || one.argument >= call.children.size()) continue;
    const Ast& constant = *call.children[one.argument];
    if (constant.kind != AstKind::literal || constant.type.kind() != TypeKind::string) continue;
    const std::string_view literal = written(constant);
    if (const std::string hint = lost_backslash_hint(constant); !hint.empty()) {
      const auto at = static_cast<std::uint32_t>(constant.begin + find_lost_backslash(literal));
      diagnostics_.warning("lost-backslash", text_.span(at, at + 2), hint.substr(2));
      continue;
    }
    const std::string_view text = literal.substr(1, literal.size() - 2);
    if (literal.front() == 'r' || literal.front() == 'R' || text.find('\\') != std::string_view::npos) continue;
    const bool escapes = one.kind == Pattern::like && call.children.size() != 2;
    std::string hint;
    if (one.kind == Pattern::regex) hint = plain_text_hint(text, function == "split");
    if (one.kind == Pattern::like && !escapes) hint = shell_hint(text);
    if (one.kind == Pattern::time) hint = time_letter_hint(text);
    if (!hint.empty()) warn("unlikely-pattern", constant, hint);
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
