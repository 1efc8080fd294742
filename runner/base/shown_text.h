// Text of unknown origin as it may be shown: on a terminal, in a log, in a report.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace streamrun {

// A character of UTF-8, or the bytes that one U+FFFD stands for (the maximal part of a sequence, as decoders of the web
// take it).
struct Utf8Character {
  std::size_t length = 0;
  char32_t code = 0;
  bool valid = false;
};
// `at` lies within `text`.
Utf8Character utf8_character(std::string_view text, std::size_t at);

// Whether it ends a line, moves a cursor, turns the direction of writing or cannot be seen.
bool is_hidden_character(char32_t code);

// One line that moves no cursor: what would is written as an escape (`\n`, `\x1b`, `\u202e`), and so is a byte that is
// no UTF-8. What is clean comes back as it is, so that nothing is escaped twice. A very long text loses its middle, and
// says how long it was.
std::string shown_text(std::string_view text);
// One character of it.
std::string shown_character(std::string_view text, const Utf8Character& character);

// Texts that nobody may read, wherever they come up: passwords and keys.
class Secrets {
 public:
  void add(std::string_view secret);
  // `***` in their places. One that is shorter than four bytes is only known in quotes.
  std::string without(std::string_view text) const;

 private:
  std::vector<std::string> all_;  // the longest first
};

// Whether a key of this name holds a secret, in whatever spelling: `sasl.password`, `SASL_PASSWD`, `saslPasword`,
// `sasl.jaas.config`, `ssl.key.pem`, `api-key`. What names a file or a place is none (`ssl.key.location`).
bool names_secret(std::string_view key);

}  // namespace streamrun
