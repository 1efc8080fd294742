// Spark SQL's grammar of expressions, by recursive descent over tokens. A function that gives null has noted the
// fault; what it has passed is lost then.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/base/result.h"
#include "runner/expr/ast.h"
#include "runner/expr/lexer.h"

namespace streamrun {

constexpr std::uint32_t kMostNesting = 100;  // of brackets: what the parser recurses over
constexpr std::uint32_t kMostDepth = 1000;   // of the tree: what its readers recurse over

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

  std::nullptr_t refuse(std::uint32_t begin, std::uint32_t end, std::string message);
  std::nullptr_t unexpected(std::string_view wanted = {});
  bool expect(std::string_view symbol);
  bool expect_word(std::string_view word);

  AstPtr make(AstKind kind, std::uint32_t begin);
  // Sets the end, and watches the depth.
  AstPtr done(AstPtr node);
  template <class... Children>
  AstPtr call(std::string_view name, const Token& at, std::uint32_t begin, Children... children) {
    AstPtr out = make(AstKind::call, begin);
    out->text = name;
    (out->children.push_back(std::move(children)), ...);
    out->name_begin = at.begin;
    out->name_end = at.end;
    return done(std::move(out));
  }
  AstPtr literal(ColumnPtr value, std::uint32_t begin);
  AstPtr literal(Result<ColumnPtr> value, std::uint32_t begin);
  AstPtr null_literal(std::uint32_t begin) { return literal(Column::make_null(Type(TypeKind::null), 1), begin); }

  // or > and > not > predicate > comparison … unary > postfix > primary
  AstPtr expression();
  AstPtr conjunction() { return chain("AND", AstKind::all_of, &Parser::negation); }
  AstPtr chain(std::string_view word, AstKind kind, AstPtr (Parser::*part)());
  AstPtr negation();
  AstPtr negated(AstPtr operand, const Token& at, bool negate);
  AstPtr predicate();
  AstPtr is_predicate(AstPtr value, const Token& at);
  // Behind `like` or `ilike`.
  AstPtr like(AstPtr value, const Token& word, const Token& at, bool negate);
  AstPtr operation(int weakest);
  AstPtr binary(std::string_view symbol, const Token& at, std::uint32_t begin, AstPtr left, AstPtr right);
  AstPtr unary();

  // parse_primary.cc
  AstPtr postfix();
  // v:a.b[0]['c'] is variant_get(v, '$.a.b[0]["c"]', 'variant').
  AstPtr path(AstPtr value);
  // A type stands in the text; the tokens it covers are passed over.
  bool type(Ast& out);
  bool list(std::vector<AstPtr>& out, std::string_view closing);
  bool lambda_ahead() const;
  AstPtr argument();
  AstPtr primary();
  AstPtr symbol(const Token& token);
  AstPtr name();
  AstPtr word(const Token& token);
  AstPtr timestamp(const Token& token, const Token& text);
  AstPtr plain_word(const Token& token);
  AstPtr interval();

  // parse_calls.cc
  AstPtr choice();
  AstPtr function(const Token& token);
  // `substring(s from 1 for 2)` and `position(x in s)` beside the plain list.
  bool call_arguments(Ast& out);
  AstPtr rest_of_call(AstPtr out);
  // trim([both | leading | trailing] [characters] from text)
  AstPtr trim(AstPtr out);

  std::string_view text_;
  const std::vector<Token>& tokens_;
  SyntaxFault& fault_;
  std::size_t at_ = 0;
  std::uint32_t nesting_ = 0;
};

}  // namespace streamrun
