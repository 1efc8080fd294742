#include "runner/expr/parser.h"

#include <fmt/format.h>

#include <array>

#include "runner/expr/grammar.h"
#include "runner/expr/literal.h"

namespace streamrun {

namespace {

constexpr std::size_t kMostBytes = 64 * 1024;

// Binary operators, tightest last.
int strength_of(const Token& token) {
  if (token.word("DIV")) return 6;
  if (token.kind != TokenKind::symbol) return 0;
  const std::string_view s = token.text;
  if (s == "*" || s == "/" || s == "%") return 6;
  if (s == "+" || s == "-" || s == "||") return 5;
  if (s == "&") return 4;
  if (s == "^") return 3;
  if (s == "|") return 2;
  constexpr std::array<std::string_view, 9> kComparisons = {"=", "==", "<>", "!=", "<", "<=", ">", ">=", "<=>"};
  return std::ranges::find(kComparisons, s) != kComparisons.end() ? 1 : 0;
}

struct ForeignWord {
  std::string_view theirs;
  std::string_view ours;
};

// Between two values; in small letters.
constexpr ForeignWord kForeignOperators[] = {
    {"eq", "; write ="},
    {"equals", "; write ="},
    {"ne", "; write <>"},
    {"neq", "; write <>"},
    {"gt", "; write >"},
    {"ge", "; write >="},
    {"gte", "; write >="},
    {"lt", "; write <"},
    {"le", "; write <="},
    {"lte", "; write <="},
    {"mod", "; write %"},
    {"matches", "; write rlike"},
    {"match", "; write rlike"},
    {"regex", "; write rlike"},
    {"glob", "; write like, with % for *"},
    {"contains", "; write contains(text, part)"},
    {"startswith", "; write startswith(text, part)"},
    {"endswith", "; write endswith(text, part)"},
    {"xor", "; write <> between booleans"},
};

// What other languages have, by the token that cannot go on here; `before` is the one in front of it.
std::string_view foreign_syntax(const Token& token, const Token* before, const Token& next) {
  const auto after = [&](std::string_view symbol) {
    return before != nullptr && before->symbol(symbol) && before->end == token.begin;
  };
  if (token.symbol("&") && after("&")) return "; write and";
  if (token.symbol("=") && (after("=") || after("=="))) return "; write =";
  if (token.symbol("/") && after("/")) return "; write div";
  if (token.symbol("*") && after("*")) return "; write pow(a, b)";
  if (token.symbol("~")) return "; write rlike";
  for (const auto& [theirs, ours] : kForeignOperators) {
    if (token.kind == TokenKind::name && before != nullptr && !before->symbol("(") && same_word(token.text, theirs)) {
      return ours;
    }
  }
  if (token.symbol("{")) return "; write a param as :name, and a variable of the environment as ${NAME}";
  if (token.symbol("[") && before != nullptr && before->word("IN"))
    return "; a list stands in parentheses: in ('a', 'b')";
  if (token.symbol("(") && before != nullptr && before->kind == TokenKind::name) {
    return "; a function takes its text as an argument: upper(name)";
  }
  if (token.word("AS")) return "; a name stands before its expression, as the key: `map: {name: expression}`";
  if (token.word("OVER")) return "; there are no windows over rows: aggregate by a key in `reduce_by_key`";
  if (token.word("FROM") || (before != nullptr && before->word("SELECT"))) {
    return "; an expression is no query: the stream is named by `from`, the columns by `map`";
  }
  if (token.word("IF") || token.word("ELSE") || token.word("THEN")) {
    return "; write if(condition, a, b), or case when condition then a else b end";
  }
  if (token.kind == TokenKind::string && before != nullptr && before->word("NOT")) return "; write <>";
  if (token.symbol(",") && before != nullptr && before->kind == TokenKind::number && next.kind == TokenKind::number) {
    return "; a number has no separators: 1000";
  }
  return {};
}

}  // namespace

std::nullptr_t Parser::refuse(std::uint32_t begin, std::uint32_t end, std::string message) {
  if (fault_.message.empty()) fault_ = {begin, end, std::move(message)};
  return nullptr;
}

std::nullptr_t Parser::unexpected(std::string_view wanted) {
  const Token& token = now();
  const std::string what = token.kind == TokenKind::end
                               ? std::string("the expression ends too early")
                               : fmt::format("unexpected {}", text_.substr(token.begin, token.end - token.begin));
  if (token.symbol("$") && ahead(1).kind == TokenKind::name) {
    return refuse(token.begin, token.end,
                  fmt::format("{0}; a param is written :{1}, a column {1} alone", what, ahead(1).text));
  }
  const std::string_view hint = foreign_syntax(token, at_ == 0 ? nullptr : &tokens_[at_ - 1], ahead(1));
  if (!hint.empty()) return refuse(token.begin, token.end, what + std::string(hint));
  return refuse(token.begin, token.end, wanted.empty() ? what : fmt::format("{}; expected {}", what, wanted));
}

bool Parser::expect(std::string_view symbol) {
  if (take(symbol)) return true;
  unexpected(fmt::format("'{}'", symbol));
  return false;
}

bool Parser::expect_word(std::string_view word) {
  if (take_word(word)) return true;
  unexpected(fmt::format("'{}'", word));
  return false;
}

AstPtr Parser::make(AstKind kind, std::uint32_t begin) {
  auto out = std::make_unique<Ast>();
  out->kind = kind;
  out->begin = out->name_begin = begin;
  return out;
}

AstPtr Parser::done(AstPtr node) {
  node->end = last_end();
  if (node->name_end == 0) node->name_end = node->end;
  for (const AstPtr& child : node->children) node->depth = std::max(node->depth, child->depth + 1);
  if (node->filter) node->depth = std::max(node->depth, node->filter->depth + 1);
  if (node->depth > kMostDepth) return refuse(node->begin, node->end, "the expression is nested too deeply");
  return node;
}

AstPtr Parser::literal(ColumnPtr value, std::uint32_t begin) {
  AstPtr out = make(AstKind::literal, begin);
  out->type = value->type();
  out->value = std::move(value);
  return done(std::move(out));
}

AstPtr Parser::literal(Result<ColumnPtr> value, std::uint32_t begin) {
  if (!value) return refuse(begin, last_end(), value.error().message);
  return literal(std::move(*value), begin);
}

AstPtr Parser::expression() {
  const Nesting nesting(*this);
  if (nesting_ > kMostNesting) return refuse(now().begin, now().end, "the expression is nested too deeply");
  return chain("OR", AstKind::any_of, &Parser::conjunction);
}

AstPtr Parser::chain(std::string_view word, AstKind kind, AstPtr (Parser::*part)()) {
  const std::uint32_t begin = now().begin;
  AstPtr first = (this->*part)();
  if (!first || !now().word(word)) return first;
  AstPtr out = make(kind, begin);
  out->name_begin = now().begin;
  out->name_end = now().end;
  out->text = word == "OR" ? "or" : "and";
  out->children.push_back(std::move(first));
  while (take_word(word)) {
    AstPtr next = (this->*part)();
    if (!next) return nullptr;
    out->children.push_back(std::move(next));
  }
  return done(std::move(out));
}

AstPtr Parser::negation() {
  const Token& token = now();
  if (!(token.word("NOT") || token.symbol("!"))) return predicate();
  const Nesting nesting(*this);
  if (nesting_ > kMostNesting) return refuse(token.begin, token.end, "the expression is nested too deeply");
  ++at_;
  AstPtr operand = negation();
  if (!operand) return nullptr;
  return call("not", token, token.begin, std::move(operand));
}

AstPtr Parser::negated(AstPtr operand, const Token& at, bool negate) {
  if (!operand || !negate) return operand;
  const std::uint32_t begin = operand->begin;
  return call("not", at, begin, std::move(operand));
}

AstPtr Parser::predicate() {
  const std::uint32_t begin = now().begin;
  AstPtr value = operation(1);
  if (!value) return nullptr;
  const Token& at = now();
  if (take_word("IS")) return is_predicate(std::move(value), at);
  const bool negate = at.word("NOT") || at.symbol("!");
  const Token& word = negate ? ahead(1) : at;
  if (word.word("BETWEEN")) {
    at_ += negate ? 2 : 1;
    AstPtr out = make(AstKind::between, begin);
    out->name_begin = word.begin;
    out->name_end = word.end;
    out->children.push_back(std::move(value));
    AstPtr low = operation(1);
    if (!low || !expect_word("AND")) return nullptr;
    AstPtr high = operation(1);
    if (!high) return nullptr;
    out->children.push_back(std::move(low));
    out->children.push_back(std::move(high));
    return negated(done(std::move(out)), at, negate);
  }
  if (word.word("IN")) {
    at_ += negate ? 2 : 1;
    AstPtr out = make(AstKind::in_list, begin);
    out->name_begin = word.begin;
    out->name_end = word.end;
    out->children.push_back(std::move(value));
    if (!expect("(") || !list(out->children, ")")) return nullptr;
    if (out->children.size() == 1) return refuse(word.begin, last_end(), "'in' needs at least one value");
    return negated(done(std::move(out)), at, negate);
  }
  if (word.word("LIKE") || word.word("ILIKE")) {
    at_ += negate ? 2 : 1;
    return like(std::move(value), word, at, negate);
  }
  if (word.word("RLIKE") || word.word("REGEXP")) {
    at_ += negate ? 2 : 1;
    AstPtr pattern = operation(1);
    if (!pattern) return nullptr;
    return negated(call("rlike", word, begin, std::move(value), std::move(pattern)), at, negate);
  }
  return value;
}

AstPtr Parser::is_predicate(AstPtr value, const Token& at) {
  const std::uint32_t begin = value->begin;
  const bool negate = take_word("NOT");
  if (take_word("NULL") || take_word("UNKNOWN")) {
    return call(negate ? "isnotnull" : "isnull", at, begin, std::move(value));
  }
  for (const bool truth : {true, false}) {
    if (!take_word(truth ? "TRUE" : "FALSE")) continue;
    AstPtr constant = literal(boolean_constant(truth), tokens_[at_ - 1].begin);
    return negated(call("<=>", at, begin, std::move(value), std::move(constant)), at, negate);
  }
  if (take_word("DISTINCT")) {
    if (!expect_word("FROM")) return nullptr;
    AstPtr other = operation(1);
    if (!other) return nullptr;
    return negated(call("<=>", at, begin, std::move(value), std::move(other)), at, !negate);
  }
  return unexpected("null, true, false or distinct from");
}

AstPtr Parser::operation(int weakest) {
  const std::uint32_t begin = now().begin;
  AstPtr left = unary();
  while (left) {
    const Token& token = now();
    const int strength = strength_of(token);
    if (strength == 0 || strength < weakest) return left;
    ++at_;
    AstPtr right = operation(strength + 1);
    if (!right) return nullptr;
    const std::string_view symbol = token.word("DIV") ? "div" : std::string_view(token.text);
    left = binary(symbol, token, begin, std::move(left), std::move(right));
  }
  return left;
}

AstPtr Parser::binary(std::string_view symbol, const Token& at, std::uint32_t begin, AstPtr left, AstPtr right) {
  if (symbol == "==") symbol = "=";
  if (symbol == "!=") symbol = "<>";
  return call(symbol, at, begin, std::move(left), std::move(right));
}

AstPtr Parser::unary() {
  const Token& token = now();
  // `a =~ 'x'`: the `~` of a comparison is no complement, which would be of a number.
  if (token.symbol("~") && ahead(1).kind == TokenKind::string) return unexpected();
  const bool minus = token.symbol("-");
  if (!minus && !token.symbol("+") && !token.symbol("~")) return postfix();
  if (minus && ahead(1).kind == TokenKind::number) return postfix();
  const Nesting nesting(*this);
  if (nesting_ > kMostNesting) return refuse(token.begin, token.end, "the expression is nested too deeply");
  ++at_;
  AstPtr operand = unary();
  if (!operand) return nullptr;
  return call(minus ? "negative" : token.symbol("~") ? "~" : "positive", token, token.begin, std::move(operand));
}

AstPtr Parser::like(AstPtr value, const Token& word, const Token& at, bool negate) {
  const std::uint32_t begin = value->begin;
  const std::string_view name = word.word("ILIKE") ? "ilike" : "like";
  const bool any = now().word("ANY") || now().word("SOME");
  if ((any || now().word("ALL")) && ahead(1).symbol("(")) {
    AstPtr out = make(any ? AstKind::like_any : AstKind::like_all, begin);
    out->text = name;
    out->negated = negate;
    out->name_begin = word.begin;
    out->name_end = now().end;
    out->children.push_back(std::move(value));
    at_ += 2;
    if (!list(out->children, ")")) return nullptr;
    if (out->children.size() == 1) return refuse(word.begin, last_end(), "'like any' needs at least one pattern");
    return done(std::move(out));
  }
  AstPtr pattern = operation(1);
  if (!pattern) return nullptr;
  if (!take_word("ESCAPE")) return negated(call(name, word, begin, std::move(value), std::move(pattern)), at, negate);
  const Token& escape = now();
  if (escape.kind != TokenKind::string) return unexpected("the escape character in quotes");
  ++at_;
  AstPtr character = literal(string_constant(escape.text), escape.begin);
  return negated(call(name, word, begin, std::move(value), std::move(pattern), std::move(character)), at, negate);
}

AstPtr parse_expression(std::string_view text, SyntaxFault& fault) {
  if (text.size() > kMostBytes) {
    fault = {0, static_cast<std::uint32_t>(text.size()), "the expression is longer than 64 KiB"};
    return nullptr;
  }
  std::vector<Token> tokens;
  if (!lex(text, tokens, fault)) return nullptr;
  if (tokens.size() == 1) {
    fault = {0, static_cast<std::uint32_t>(text.size()), "an expression is missing"};
    return nullptr;
  }
  return Parser(text, tokens, fault).run();
}

}  // namespace streamrun
