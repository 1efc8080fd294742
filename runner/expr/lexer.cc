#include "runner/expr/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runner/data/text_value.h"

namespace streamrun {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char u = upper(c);
  return u >= 'A' && u <= 'F' ? u - 'A' + 10 : -1;
}

// Reads `n` hexadecimal digits at `from`; false if there are not that many.
bool hex_number(std::string_view text, std::size_t from, std::size_t n, std::uint32_t& out) {
  if (from + n > text.size()) return false;
  out = 0;
  for (std::size_t i = from; i < from + n; ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0) return false;
    out = out * 16 + static_cast<std::uint32_t>(digit);
  }
  return true;
}

bool octal(char c, char most) {
  return c >= '0' && c <= most;
}

// Spark's escapes.
std::string unescape(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '\\' || i + 1 == s.size()) {
      out += s[i];
      continue;
    }
    std::uint32_t code = 0;
    if (s[i + 1] == 'u' && hex_number(s, i + 2, 4, code)) {
      std::uint32_t low = 0;
      if (code >= 0xD800 && code < 0xDC00 && i + 7 < s.size() && s[i + 6] == '\\' && s[i + 7] == 'u' &&
          hex_number(s, i + 8, 4, low) && low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      } else if (code >= 0xD800 && code < 0xE000) {
        code = '?';  // half a pair is no character
      }
      append_code_point(code, out);
      i += 5;
      continue;
    }
    if (s[i + 1] == 'U' && hex_number(s, i + 2, 8, code) && code < 0x110000) {
      append_code_point(code, out);
      i += 9;
      continue;
    }
    if (i + 3 < s.size() && octal(s[i + 1], '1') && octal(s[i + 2], '7') && octal(s[i + 3], '7')) {
      append_code_point(static_cast<std::uint32_t>((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + (s[i + 3] - '0')),
                        out);
      i += 3;
      continue;
    }
    const char c = s[++i];
    switch (c) {
      case '0': out += '\0'; break;
      case 'b': out += '\b'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'Z': out += '\x1A'; break;
      case '%':
      case '_':
        out += '\\';
        out += c;
        break;
      default: out += c;
    }
  }
  return out;
}

// Longest first.
constexpr std::array<std::string_view, 32> kSymbols = {"<=>", "->", "::", "||", "<=", ">=", "<>", "!=", "==", "+", "-",
                                                       "*",   "/",  "%",  "&",  "|",  "^",  "~",  "=",  "<",  ">", "(",
                                                       ")",   "[",  "]",  ",",  ".",  ":",  "!",  "{",  "}",  "$"};

// Characters that word processors and other languages put in place of ours.
struct Lookalike {
  std::string_view theirs;
  std::string_view remedy;
};
constexpr Lookalike kLookalikes[] = {
    {"\u2018", "a typographic quote; write '"},
    {"\u2019", "a typographic quote; write '"},
    {"\u201a", "a typographic quote; write '"},
    {"\u201b", "a typographic quote; write '"},
    {"\u2032", "no quote; write '"},
    {"\u00b4", "no quote; write '"},
    {"\u201c", "a typographic quote; write '"},
    {"\u201d", "a typographic quote; write '"},
    {"\u201e", "a typographic quote; write '"},
    {"\u00ab", "a typographic quote; write '"},
    {"\u00bb", "a typographic quote; write '"},
    {"\u2033", "no quote; write '"},
    {"\u00a0", "a no-break space; write a blank"},
    {"\u202f", "a no-break space; write a blank"},
    {"\u3000", "a wide space; write a blank"},
    {"\u200b", "an invisible character; take it away"},
    {"\ufeff", "an invisible character; take it away"},
    {"\u2013", "a dash; write -"},
    {"\u2014", "a dash; write -"},
    {"\u2212", "a minus sign of mathematics; write -"},
    {"\u00d7", "a sign of mathematics; write *"},
    {"\u00f7", "a sign of mathematics; write /"},
    {"\u2260", "a sign of mathematics; write <>"},
    {"\u2264", "a sign of mathematics; write <="},
    {"\u2265", "a sign of mathematics; write >="},
    {"\u2026", "no dots; write what they stand for"},
};

class Lexer {
 public:
  Lexer(std::string_view text, std::vector<Token>& tokens, SyntaxFault& fault)
      : text_(text), tokens_(tokens), fault_(fault) {}

  bool run() {
    while (true) {
      while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
      if (at_ == text_.size()) break;
      if (!token()) return false;
    }
    add(TokenKind::end, at_, {});
    return true;
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void add(TokenKind kind, std::size_t begin, std::string text) {
    tokens_.push_back({kind, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at_), std::move(text)});
  }
  bool refuse(std::size_t begin, std::size_t end, std::string message) {
    fault_ = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), std::move(message)};
    return false;
  }

  bool token() {
    const char c = peek();
    if ((c == 'r' || c == 'R') && (peek(1) == '\'' || peek(1) == '"')) return raw_string();
    if (is_letter(c)) return name();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)) && !after_value())) return number();
    if (c == '\'' || c == '"') return string();
    if (c == '`') return quoted_name();
    if (c == '-' && peek(1) == '-') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      return true;
    }
    if (c == '/' && peek(1) == '*') return comment();
    for (const std::string_view symbol : kSymbols) {
      if (text_.substr(at_).starts_with(symbol)) {
        const std::size_t begin = at_;
        at_ += symbol.size();
        add(TokenKind::symbol, begin, std::string(symbol));
        return true;
      }
    }
    std::size_t end = at_ + 1;
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
    const std::string_view odd = text_.substr(at_, end - at_);
    for (const Lookalike& one : kLookalikes) {
      if (odd == one.theirs) return refuse(at_, end, fmt::format("'{}' is {}", odd, one.remedy));
    }
    if (static_cast<unsigned char>(c) >= 0x80) {
      return refuse(at_, end, fmt::format("unexpected '{}'; a name with it stands in backquotes", odd));
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      return refuse(at_, end, fmt::format("unexpected character U+{:04X}", static_cast<unsigned>(c)));
    }
    const std::string_view hint = c == '?'    ? "; write if(condition, a, b)"
                                  : c == ';'  ? "; an expression has no end mark, take it away"
                                  : c == '@'  ? "; a param is written :name"
                                  : c == '#'  ? "; a text stands in quotes: '#'"
                                  : c == '\\' ? "; an expression goes on in the next line without a mark"
                                              : "";
    return refuse(at_, end, fmt::format("unexpected '{}'{}", odd, hint));
  }

  // They nest, as Spark's do.
  bool comment() {
    const std::size_t begin = at_;
    std::size_t open = 0;
    while (at_ < text_.size()) {
      const std::string_view two = text_.substr(at_, 2);
      if (two == "/*") ++open;
      if (two == "*/") --open;
      at_ += two == "/*" || two == "*/" ? 2 : 1;
      if (open == 0) return true;
    }
    return refuse(begin, text_.size(), "a comment does not end");
  }

  // After a value a dot goes to the field, not to a number.
  bool after_value() const {
    if (tokens_.empty() || tokens_.back().end != at_) return false;
    const Token& last = tokens_.back();
    return last.kind != TokenKind::symbol || last.text == ")" || last.text == "]";
  }

  bool name() {
    const std::size_t begin = at_;
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    add(TokenKind::name, begin, std::string(text_.substr(begin, at_ - begin)));
    return true;
  }

  bool quoted_name() {
    const std::size_t begin = at_++;
    std::string out;
    while (true) {
      if (at_ == text_.size()) return refuse(begin, at_, "a backquoted name does not end");
      if (text_[at_] == '`') {
        if (peek(1) != '`') break;
        ++at_;
      }
      out += text_[at_++];
    }
    ++at_;
    if (out.empty()) return refuse(begin, at_, "an empty name");
    add(TokenKind::quoted_name, begin, std::move(out));
    return true;
  }

  // Literals that stand side by side are one.
  bool add_string(std::size_t begin, std::string value) {
    if (!tokens_.empty() && tokens_.back().kind == TokenKind::string) {
      tokens_.back().text += value;
      tokens_.back().end = static_cast<std::uint32_t>(at_);
      return true;
    }
    add(TokenKind::string, begin, std::move(value));
    return true;
  }

  bool raw_string() {
    const std::size_t begin = at_++;
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos)
      return refuse(begin, text_.size(), fmt::format("the text that begins with this {} does not end", quote));
    std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    return add_string(begin, std::move(value));
  }

  bool string() {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    const std::size_t first = at_;
    while (at_ < text_.size() && text_[at_] != quote) at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size())
      return refuse(begin, text_.size(), fmt::format("the text that begins with this {} does not end", quote));
    std::string value = unescape(text_.substr(first, at_ - first));
    ++at_;
    return add_string(begin, std::move(value));
  }

  bool number() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && !is_letter(peek(1)) && peek(1) != '.') {
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    if (upper(peek()) == 'E' && (is_digit(peek(1)) || ((peek(1) == '-' || peek(1) == '+') && is_digit(peek(2))))) {
      at_ += 2;
      while (is_digit(peek())) ++at_;
    }
    while (is_letter(peek()) || is_digit(peek())) ++at_;  // a suffix; the parser knows which there are
    add(TokenKind::number, begin, std::string(text_.substr(begin, at_ - begin)));
    return true;
  }

  std::string_view text_;
  std::vector<Token>& tokens_;
  SyntaxFault& fault_;
  std::size_t at_ = 0;
};

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return upper(x) == upper(y); });
}

bool Token::word(std::string_view upper_word) const {
  return kind == TokenKind::name && same_word(text, upper_word);
}

bool lex(std::string_view text, std::vector<Token>& tokens, SyntaxFault& fault) {
  return Lexer(text, tokens, fault).run();
}

}  // namespace streamrun
