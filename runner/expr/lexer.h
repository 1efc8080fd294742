// Text of an expression → tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace streamrun {

enum class TokenKind : std::uint8_t { name, quoted_name, number, string, symbol, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  // name: as written; quoted_name: without its backquotes; string: its value; number and symbol: as written.
  std::string text;

  bool symbol(std::string_view s) const { return kind == TokenKind::symbol && text == s; }
  // A word, whatever its case. `upper` is in capitals.
  bool word(std::string_view upper) const;
};

// A mistake in the grammar, by bytes of the expression.
struct SyntaxFault {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::string message;
};

// The last token is of kind `end`. False, and `fault`, where a token cannot be read.
bool lex(std::string_view text, std::vector<Token>& tokens, SyntaxFault& fault);

bool same_word(std::string_view a, std::string_view b);  // ASCII, whatever their case

}  // namespace streamrun
