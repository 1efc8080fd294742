#include "runner/expr/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runner/expr/literal.h"

namespace streamrun {

namespace {

constexpr std::uint32_t kMostNesting = 100;  // of brackets: what the parser recurses over
constexpr std::uint32_t kMostDepth = 1000;   // of the tree: what its readers recurse over
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

class Parser {
 public:
  Parser(std::string_view text, const std::vector<Token>& tokens, SyntaxFault& fault)
      : text_(text), tokens_(tokens), fault_(fault) {}

  AstPtr run() {
    AstPtr out = expression();
    if (out && now().kind != TokenKind::end) return unexpected();
    return out;
  }

 private:
  struct Nesting {
    explicit Nesting(Parser& parser) : depth(parser.nesting_) { ++depth; }
    ~Nesting() { --depth; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    std::uint32_t& depth;
  };

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead(std::size_t n) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  std::uint32_t last_end() const { return at_ == 0 ? 0 : tokens_[at_ - 1].end; }
  bool take(std::string_view symbol) {
    if (!now().symbol(symbol)) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (!now().word(word)) return false;
    ++at_;
    return true;
  }

  std::nullptr_t refuse(std::uint32_t begin, std::uint32_t end, std::string message) {
    if (fault_.message.empty()) fault_ = {begin, end, std::move(message)};
    return nullptr;
  }
  std::nullptr_t unexpected(std::string_view wanted = {}) {
    const Token& token = now();
    const std::string what = token.kind == TokenKind::end
                                 ? std::string("the expression ends too early")
                                 : fmt::format("unexpected {}", text_.substr(token.begin, token.end - token.begin));
    return refuse(token.begin, token.end, wanted.empty() ? what : fmt::format("{}; expected {}", what, wanted));
  }
  bool expect(std::string_view symbol) {
    if (take(symbol)) return true;
    unexpected(fmt::format("'{}'", symbol));
    return false;
  }
  bool expect_word(std::string_view word) {
    if (take_word(word)) return true;
    unexpected(fmt::format("'{}'", word));
    return false;
  }

  AstPtr make(AstKind kind, std::uint32_t begin) {
    auto out = std::make_unique<Ast>();
    out->kind = kind;
    out->begin = out->name_begin = begin;
    return out;
  }
  // Sets the end, and watches the depth.
  AstPtr done(AstPtr node) {
    node->end = last_end();
    if (node->name_end == 0) node->name_end = node->end;
    for (const AstPtr& child : node->children) node->depth = std::max(node->depth, child->depth + 1);
    if (node->filter) node->depth = std::max(node->depth, node->filter->depth + 1);
    if (node->depth > kMostDepth) return refuse(node->begin, node->end, "the expression is nested too deeply");
    return node;
  }
  template <class... Children>
  AstPtr call(std::string_view name, const Token& at, std::uint32_t begin, Children... children) {
    AstPtr out = make(AstKind::call, begin);
    out->text = name;
    (out->children.push_back(std::move(children)), ...);
    out->name_begin = at.begin;
    out->name_end = at.end;
    return done(std::move(out));
  }
  AstPtr literal(ColumnPtr value, std::uint32_t begin) {
    AstPtr out = make(AstKind::literal, begin);
    out->type = value->type();
    out->value = std::move(value);
    return done(std::move(out));
  }
  AstPtr literal(Result<ColumnPtr> value, std::uint32_t begin) {
    if (!value) return refuse(begin, last_end(), value.error().message);
    return literal(std::move(*value), begin);
  }
  AstPtr null_literal(std::uint32_t begin) { return literal(Column::make_null(Type(TypeKind::null), 1), begin); }

  // or > and > not > predicate > comparison … unary > postfix > primary
  AstPtr expression() {
    const Nesting nesting(*this);
    if (nesting_ > kMostNesting) return refuse(now().begin, now().end, "the expression is nested too deeply");
    return chain("OR", AstKind::any_of, &Parser::conjunction);
  }
  AstPtr conjunction() { return chain("AND", AstKind::all_of, &Parser::negation); }

  AstPtr chain(std::string_view word, AstKind kind, AstPtr (Parser::*part)()) {
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

  AstPtr negation() {
    const Token& token = now();
    if (!(token.word("NOT") || token.symbol("!"))) return predicate();
    const Nesting nesting(*this);
    if (nesting_ > kMostNesting) return refuse(token.begin, token.end, "the expression is nested too deeply");
    ++at_;
    AstPtr operand = negation();
    if (!operand) return nullptr;
    return call("not", token, token.begin, std::move(operand));
  }

  AstPtr negated(AstPtr operand, const Token& at, bool negate) {
    if (!operand || !negate) return operand;
    const std::uint32_t begin = operand->begin;
    return call("not", at, begin, std::move(operand));
  }

  AstPtr predicate() {
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
      AstPtr pattern = operation(1);
      if (!pattern) return nullptr;
      if (word.word("ILIKE")) {
        const std::uint32_t pattern_begin = pattern->begin;
        value = call("lower", word, begin, std::move(value));
        pattern = value ? call("lower", word, pattern_begin, std::move(pattern)) : nullptr;
        if (!pattern) return nullptr;
      }
      if (take_word("ESCAPE")) {
        if (now().kind != TokenKind::string) return unexpected("the escape character in quotes");
        const Token& escape = now();
        ++at_;
        AstPtr character = literal(string_constant(escape.text), escape.begin);
        return negated(call("like", word, begin, std::move(value), std::move(pattern), std::move(character)), at,
                       negate);
      }
      return negated(call("like", word, begin, std::move(value), std::move(pattern)), at, negate);
    }
    if (word.word("RLIKE") || word.word("REGEXP")) {
      at_ += negate ? 2 : 1;
      AstPtr pattern = operation(1);
      if (!pattern) return nullptr;
      return negated(call("rlike", word, begin, std::move(value), std::move(pattern)), at, negate);
    }
    return value;
  }

  AstPtr is_predicate(AstPtr value, const Token& at) {
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

  AstPtr operation(int weakest) {
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

  AstPtr binary(std::string_view symbol, const Token& at, std::uint32_t begin, AstPtr left, AstPtr right) {
    if (symbol == "==") symbol = "=";
    if (symbol == "!=") symbol = "<>";
    return call(symbol, at, begin, std::move(left), std::move(right));
  }

  AstPtr unary() {
    const Token& token = now();
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

  AstPtr postfix() {
    const std::uint32_t begin = now().begin;
    AstPtr value = primary();
    while (value) {
      const Token& token = now();
      if (take("[")) {
        AstPtr out = make(AstKind::index, begin);
        AstPtr index = expression();
        if (!index || !expect("]")) return nullptr;
        out->children.push_back(std::move(value));
        out->children.push_back(std::move(index));
        value = done(std::move(out));
      } else if (token.symbol(".") && (ahead(1).kind == TokenKind::name || ahead(1).kind == TokenKind::quoted_name)) {
        ++at_;
        AstPtr out = make(AstKind::member, begin);
        out->text = now().text;
        out->name_begin = now().begin;
        out->name_end = now().end;
        ++at_;
        out->children.push_back(std::move(value));
        value = done(std::move(out));
      } else if (take("::")) {
        AstPtr out = make(AstKind::cast, begin);
        if (!type(*out)) return nullptr;
        out->children.push_back(std::move(value));
        value = done(std::move(out));
      } else if (token.symbol(":")) {
        value = path(std::move(value));
      } else {
        return value;
      }
    }
    return nullptr;
  }

  // v:a.b[0]['c'] is variant_get(v, '$.a.b[0]["c"]', 'variant').
  AstPtr path(AstPtr value) {
    const Token& colon = now();
    ++at_;
    std::string path = "$";
    bool first = true;
    while (true) {
      if (take("[")) {
        if (now().kind != TokenKind::number && now().kind != TokenKind::string) return unexpected("an index or a key");
        path += now().kind == TokenKind::number ? fmt::format("[{}]", now().text) : fmt::format("['{}']", now().text);
        ++at_;
        if (!expect("]")) return nullptr;
      } else if (first || now().symbol(".")) {
        if (!first) ++at_;
        if (now().kind == TokenKind::name) {
          path += "." + now().text;
        } else if (now().kind == TokenKind::quoted_name) {
          path += fmt::format("['{}']", now().text);
        } else {
          return unexpected("the name of a field");
        }
        ++at_;
      } else {
        break;
      }
      first = false;
    }
    const std::uint32_t begin = value->begin;
    return call("variant_get", colon, begin, std::move(value), literal(string_constant(path), colon.begin),
                literal(string_constant("variant"), colon.begin));
  }

  // A type stands in the text; the tokens it covers are passed over.
  bool type(Ast& out) {
    const std::uint32_t begin = now().begin;
    std::size_t used = 0;
    TypeSyntaxError error;
    auto parsed = parse_type_prefix(text_.substr(begin), used, error);
    if (!parsed) {
      refuse(begin + error.begin, begin + error.end, error.message);
      return false;
    }
    out.type = *parsed;
    const std::size_t end = begin + used;
    while (now().kind != TokenKind::end && now().begin < end) ++at_;
    return true;
  }

  bool list(std::vector<AstPtr>& out, std::string_view closing) {
    if (take(closing)) return true;
    while (true) {
      AstPtr item = argument();
      if (!item) return false;
      out.push_back(std::move(item));
      if (take(closing)) return true;
      if (!take(",")) {
        unexpected(fmt::format("',' or '{}'", closing));
        return false;
      }
    }
  }

  bool lambda_ahead() const {
    if (now().kind == TokenKind::name || now().kind == TokenKind::quoted_name) return ahead(1).symbol("->");
    if (!now().symbol("(")) return false;
    std::size_t i = 1;
    while (true) {
      if (ahead(i).kind != TokenKind::name && ahead(i).kind != TokenKind::quoted_name) return false;
      if (ahead(i + 1).symbol(")")) return ahead(i + 2).symbol("->");
      if (!ahead(i + 1).symbol(",")) return false;
      i += 2;
    }
  }

  AstPtr argument() {
    if (!lambda_ahead()) return expression();
    AstPtr out = make(AstKind::lambda, now().begin);
    const bool bracket = take("(");
    do {
      out->parameters.push_back(now().text);
      ++at_;
    } while (bracket && take(","));
    if (bracket) take(")");
    take("->");
    AstPtr body = expression();
    if (!body) return nullptr;
    out->children.push_back(std::move(body));
    return done(std::move(out));
  }

  AstPtr primary() {
    const Token& token = now();
    switch (token.kind) {
      case TokenKind::number: ++at_; return literal(number_constant(token.text), token.begin);
      case TokenKind::string: ++at_; return literal(string_constant(token.text), token.begin);
      case TokenKind::symbol: return symbol(token);
      case TokenKind::quoted_name: return name();
      case TokenKind::name: return word(token);
      case TokenKind::end: break;
    }
    return unexpected("a value");
  }

  AstPtr symbol(const Token& token) {
    if (token.symbol("-") && ahead(1).kind == TokenKind::number) {
      at_ += 2;
      return literal(number_constant("-" + tokens_[at_ - 1].text), token.begin);
    }
    if (take("(")) {
      AstPtr inner = expression();
      if (!inner) return nullptr;
      if (now().symbol(",")) {
        AstPtr out = make(AstKind::row, token.begin);
        out->children.push_back(std::move(inner));
        ++at_;
        if (!list(out->children, ")")) return nullptr;
        return done(std::move(out));
      }
      if (!expect(")")) return nullptr;
      inner->begin = token.begin;
      inner->end = last_end();
      return inner;
    }
    if (take(":")) {
      if (now().kind != TokenKind::name) return unexpected("the name of a param");
      AstPtr out = make(AstKind::param, token.begin);
      out->text = now().text;
      ++at_;
      return done(std::move(out));
    }
    return unexpected("a value");
  }

  AstPtr name() {
    AstPtr out = make(AstKind::name, now().begin);
    out->text = now().text;
    out->quoted = now().kind == TokenKind::quoted_name;
    ++at_;
    return done(std::move(out));
  }

  AstPtr word(const Token& token) {
    const Token& next = ahead(1);
    if (token.word("CASE")) return choice();
    if (token.word("NULL")) {
      ++at_;
      return null_literal(token.begin);
    }
    if (token.word("TRUE") || token.word("FALSE")) {
      ++at_;
      return literal(boolean_constant(token.word("TRUE")), token.begin);
    }
    if (next.kind == TokenKind::string) {
      const auto typed = [&](Result<ColumnPtr> (*make_literal)(std::string_view)) {
        at_ += 2;
        return literal(make_literal(next.text), token.begin);
      };
      if (token.word("DATE")) return typed(date_constant);
      if (token.word("TIMESTAMP") || token.word("TIMESTAMP_LTZ")) return timestamp(token, next);
      if (token.word("X") && next.begin == token.end) return typed(binary_constant);
    }
    if (token.word("INTERVAL") && (next.kind == TokenKind::string || next.kind == TokenKind::number ||
                                   ((next.symbol("-") || next.symbol("+")) &&
                                    (ahead(2).kind == TokenKind::number || ahead(2).kind == TokenKind::string)))) {
      return interval();
    }
    if (next.symbol("(")) return function(token);
    return plain_word(token);
  }

  AstPtr timestamp(const Token& token, const Token& text) {
    at_ += 2;
    // A time alone is of the day it is computed on.
    if (text.text.find(':') != std::string::npos && text.text.find('-') == std::string::npos) {
      AstPtr out = make(AstKind::cast, token.begin);
      out->type = Type(TypeKind::timestamp);
      out->children.push_back(literal(string_constant(text.text), text.begin));
      return done(std::move(out));
    }
    return literal(timestamp_constant(text.text), token.begin);
  }

  AstPtr plain_word(const Token& token) {
    constexpr std::array<std::string_view, 20> kReserved = {
        "AND",  "OR",  "NOT",     "IN",  "LIKE", "ILIKE",    "RLIKE", "IS",    "THEN", "WHEN",
        "ELSE", "END", "BETWEEN", "DIV", "CAST", "TRY_CAST", "CASE",  "WHERE", "FROM", "DISTINCT"};
    for (const std::string_view reserved : kReserved) {
      if (token.word(reserved)) return unexpected("a value (a column of this name stands in backquotes)");
    }
    return name();
  }

  AstPtr interval() {
    const std::uint32_t begin = now().begin;
    ++at_;
    IntervalBuilder builder;
    bool any = false;
    while (true) {
      std::string sign;
      if ((now().symbol("-") || now().symbol("+")) && (!any || ahead(1).kind == TokenKind::number) &&
          ahead(2).kind == TokenKind::name) {
        sign = now().text;
      }
      const Token& amount = ahead(sign.empty() ? 0 : 1);
      if (amount.kind != TokenKind::number && amount.kind != TokenKind::string) break;
      const Token& unit = ahead(sign.empty() ? 1 : 2);
      if (any && (!sign.empty() || unit.kind != TokenKind::name)) break;
      const bool has_unit = unit.kind == TokenKind::name && !unit.word("AND") && !unit.word("OR") && !unit.word("AS") &&
                            !unit.word("BETWEEN") && !unit.word("IS") && !unit.word("THEN") && !unit.word("ELSE") &&
                            !unit.word("END") && !unit.word("WHEN") && !unit.word("IN");
      at_ += (sign.empty() ? 1U : 2U) + (has_unit ? 1U : 0U);
      Result<bool> added = true;
      if (!has_unit) {
        if (amount.kind != TokenKind::string || any) return unexpected("a unit, such as day");
        added = builder.add_text(amount.text);
      } else if (now().word("TO") && ahead(1).kind == TokenKind::name) {
        ++at_;
        const Token& to = now();
        ++at_;
        added = builder.add_range(sign + amount.text, unit.text, to.text);
      } else {
        added = builder.add(sign + amount.text, unit.text);
      }
      if (!added) return refuse(begin, last_end(), added.error().message);
      any = true;
    }
    if (!any) return unexpected("an amount");
    return literal(builder.finish(), begin);
  }

  AstPtr choice() {
    const std::uint32_t begin = now().begin;
    ++at_;
    AstPtr out = make(AstKind::choice, begin);
    if (!now().word("WHEN")) {
      out->kind = AstKind::simple_choice;
      AstPtr value = expression();
      if (!value) return nullptr;
      out->children.push_back(std::move(value));
    }
    if (!now().word("WHEN")) return unexpected("'when'");
    while (take_word("WHEN")) {
      AstPtr condition = expression();
      if (!condition || !expect_word("THEN")) return nullptr;
      AstPtr value = expression();
      if (!value) return nullptr;
      out->children.push_back(std::move(condition));
      out->children.push_back(std::move(value));
    }
    AstPtr otherwise = take_word("ELSE") ? expression() : null_literal(now().begin);
    if (!otherwise || !expect_word("END")) return nullptr;
    out->children.push_back(std::move(otherwise));
    return done(std::move(out));
  }

  AstPtr function(const Token& token) {
    at_ += 2;
    if (token.word("CAST") || token.word("TRY_CAST")) {
      AstPtr out = make(token.word("CAST") ? AstKind::cast : AstKind::try_cast, token.begin);
      out->name_end = token.end;
      AstPtr value = expression();
      if (!value || !expect_word("AS") || !type(*out) || !expect(")")) return nullptr;
      out->children.push_back(std::move(value));
      return done(std::move(out));
    }
    AstPtr out = make(AstKind::call, token.begin);
    out->name_begin = token.begin;
    out->name_end = token.end;
    out->text = token.text;
    if (token.word("TRIM")) return trim(std::move(out));
    if (token.word("EXTRACT") && now().kind == TokenKind::name && ahead(1).word("FROM")) {
      out->text = now().text;
      at_ += 2;
      return rest_of_call(std::move(out));
    }
    if (now().symbol("*") && ahead(1).symbol(")")) {
      at_ += 2;
      out->star = true;
    } else {
      if (now().word("DISTINCT")) {
        out->distinct = true;
        ++at_;
      }
      if (!call_arguments(*out)) return nullptr;
    }
    if (now().word("FILTER") && ahead(1).symbol("(")) {
      at_ += 2;
      if (!expect_word("WHERE")) return nullptr;
      out->filter = expression();
      if (!out->filter || !expect(")")) return nullptr;
    }
    return done(std::move(out));
  }

  // `substring(s from 1 for 2)` and `position(x in s)` beside the plain list.
  bool call_arguments(Ast& out) {
    const bool from = same_word(out.text, "substring") || same_word(out.text, "substr");
    if (from && !now().symbol(")")) {
      AstPtr text = expression();
      if (!text) return false;
      out.children.push_back(std::move(text));
      if (take_word("FROM")) {
        AstPtr start = expression();
        if (!start) return false;
        out.children.push_back(std::move(start));
        if (take_word("FOR")) {
          AstPtr length = expression();
          if (!length) return false;
          out.children.push_back(std::move(length));
        }
        return expect(")");
      }
      if (take(")")) return true;
      if (!expect(",")) return false;
    }
    return list(out.children, ")");
  }

  AstPtr rest_of_call(AstPtr out) {
    AstPtr value = expression();
    if (!value || !expect(")")) return nullptr;
    out->children.push_back(std::move(value));
    return done(std::move(out));
  }

  // trim([both | leading | trailing] [characters] from text)
  AstPtr trim(AstPtr out) {
    const auto side = [&](std::string_view word) {
      return now().word(word) && !ahead(1).symbol(",") && !ahead(1).symbol(")");
    };
    bool sided = true;
    if (side("LEADING")) {
      out->text = "ltrim";
    } else if (side("TRAILING")) {
      out->text = "rtrim";
    } else if (side("BOTH")) {
      out->text = "btrim";
    } else {
      sided = false;
    }
    if (sided) ++at_;
    if (sided && take_word("FROM")) return rest_of_call(std::move(out));
    if (!sided && now().symbol(")")) {
      ++at_;
      return done(std::move(out));
    }
    AstPtr first = expression();
    if (!first) return nullptr;
    if (take_word("FROM")) {
      AstPtr text = expression();
      if (!text || !expect(")")) return nullptr;
      // ltrim and rtrim take the characters first, btrim the text.
      const bool both = !sided || out->text == "btrim";
      if (both) out->text = "btrim";
      out->children.push_back(both ? std::move(text) : std::move(first));
      out->children.push_back(both ? std::move(first) : std::move(text));
      return done(std::move(out));
    }
    if (sided) return unexpected("'from'");
    out->children.push_back(std::move(first));
    if (take(")")) return done(std::move(out));
    if (!expect(",") || !list(out->children, ")")) return nullptr;
    return done(std::move(out));
  }

  std::string_view text_;
  const std::vector<Token>& tokens_;
  SyntaxFault& fault_;
  std::size_t at_ = 0;
  std::uint32_t nesting_ = 0;
};

}  // namespace

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
