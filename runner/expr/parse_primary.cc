// Values of the grammar: literals, names, brackets, and what stands behind a value.
#include <fmt/format.h>

#include <array>

#include "runner/expr/grammar.h"
#include "runner/expr/literal.h"

namespace streamrun {

AstPtr Parser::postfix() {
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

AstPtr Parser::path(AstPtr value) {
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

bool Parser::type(Ast& out) {
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

bool Parser::list(std::vector<AstPtr>& out, std::string_view closing) {
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

bool Parser::lambda_ahead() const {
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

AstPtr Parser::argument() {
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

AstPtr Parser::primary() {
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

AstPtr Parser::symbol(const Token& token) {
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

AstPtr Parser::name() {
  AstPtr out = make(AstKind::name, now().begin);
  out->text = now().text;
  out->quoted = now().kind == TokenKind::quoted_name;
  ++at_;
  return done(std::move(out));
}

AstPtr Parser::word(const Token& token) {
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

AstPtr Parser::timestamp(const Token& token, const Token& text) {
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

AstPtr Parser::plain_word(const Token& token) {
  constexpr std::array<std::string_view, 20> kReserved = {
      "AND",  "OR",  "NOT",     "IN",  "LIKE", "ILIKE",    "RLIKE", "IS",    "THEN", "WHEN",
      "ELSE", "END", "BETWEEN", "DIV", "CAST", "TRY_CAST", "CASE",  "WHERE", "FROM", "DISTINCT"};
  for (const std::string_view reserved : kReserved) {
    if (token.word(reserved)) return unexpected("a value (a column of this name stands in backquotes)");
  }
  return name();
}

AstPtr Parser::interval() {
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

}  // namespace streamrun
