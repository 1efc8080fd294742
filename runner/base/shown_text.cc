#include "runner/base/shown_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runner/base/diagnostic.h"

namespace streamrun {
namespace {

constexpr std::size_t kLongestText = 8192;  // bytes of a message; more nobody reads
constexpr std::size_t kShortSecret = 4;
constexpr std::string_view kMark = "***";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_letter_or_digit(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
}
bool is_word(char c) {
  return is_letter_or_digit(c) || c == '_';
}

std::size_t character_start(std::string_view text, std::size_t at) {
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

// The words of a key in small letters: `saslPassword`, `SASL_PASSWORD` and `sasl.password` have the same.
std::vector<std::string> words_of(std::string_view key) {
  std::vector<std::string> words(1);
  for (std::size_t at = 0; at < key.size(); ++at) {
    const char c = key[at];
    const bool hump = at > 0 && is_upper(c) && !is_upper(key[at - 1]);
    if ((hump || !is_letter_or_digit(c)) && !words.back().empty()) words.emplace_back();
    if (is_letter_or_digit(c)) words.back() += lower(c);
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& all) {
  return std::ranges::find(all, word) != all.end();
}

// Secret whatever stands around them, and where they are nearly meant.
constexpr std::array<std::string_view, 6> kSecret = {"password", "passphrase", "secret",
                                                     "token",    "credential", "credentials"};
// Secret as they stand only: too short or too common to be guessed at.
constexpr std::array<std::string_view, 13> kSecretWord = {"jaas",   "passwd", "passwort",  "pass",          "pwd",
                                                          "pw",     "apikey", "bearer",    "authorization", "auth",
                                                          "cookie", "oauth",  "privatekey"};
// A key of these is one; of a record, a table or a message it is none.
constexpr std::array<std::string_view, 15> kOwnerOfKey = {"ssl",        "tls",     "sasl",    "api",    "private",
                                                          "access",     "secret",  "account", "master", "signing",
                                                          "encryption", "license", "shared",  "client", "pem"};
// What it says is where something is, or about it.
constexpr std::array<std::string_view, 14> kAbout = {"location", "path",   "file", "url",  "uri",  "endpoint", "id",
                                                     "name",     "method", "type", "mode", "size", "length",   "count"};
constexpr std::array<std::string_view, 4> kSwitch = {"allow", "enable", "use", "max"};

bool is_secret_word(std::string_view word) {
  for (const std::string_view prefix : {"sasl", "ssl"}) {
    if (word.size() > prefix.size() && word.starts_with(prefix) && is_secret_word(word.substr(prefix.size()))) {
      return true;
    }
  }
  if (one_of(word, kSecretWord) || one_of(word, kSecret)) return true;
  if (word.find("password") != std::string_view::npos) return true;
  // An edit of short words, two of long ones: `socket` is not nearly `secret`.
  return std::ranges::any_of(kSecret, [&](std::string_view meant) {
    return word.size() >= 4 && name_distance(word, meant) <= (meant.size() < 8 ? kEdit : 2 * kEdit);
  });
}

}  // namespace

Utf8Character utf8_character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {1, lead, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, 0, false};
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // Not longer than need be, no surrogate, not past the last code point.
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t code = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (at + i == text.size() || byte(at + i) < low || byte(at + i) > high) return {i, 0, false};
    code = (code << 6U) | (byte(at + i) & 0x3FU);
    low = 0x80;
    high = 0xBF;
  }
  return {size, code, true};
}

bool is_hidden_character(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE007F);
}

std::string shown_character(std::string_view text, const Utf8Character& character) {
  if (!character.valid) {
    std::string bytes;
    for (const char c : text) bytes += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    return bytes;
  }
  if (!is_hidden_character(character.code)) return std::string(text);
  switch (character.code) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto code = static_cast<std::uint32_t>(character.code);
  if (code < 0x80) return fmt::format("\\x{:02x}", code);
  return code < 0x10000 ? fmt::format("\\u{:04x}", code) : fmt::format("\\U{:08x}", code);
}

std::string shown_text(std::string_view text) {
  if (text.size() > kLongestText) {
    const std::size_t head = character_start(text, kLongestText / 2);
    const std::size_t tail = character_start(text, text.size() - kLongestText / 4);
    return fmt::format("{}… ({} bytes in all) …{}", shown_text(text.substr(0, head)), text.size(),
                       shown_text(text.substr(tail)));
  }
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_character(text, at);
    shown += shown_character(text.substr(at, character.length), character);
    at += character.length;
  }
  return shown;
}

void Secrets::add(std::string_view secret) {
  if (secret.empty() || std::ranges::find(all_, secret) != all_.end()) return;
  const auto place = std::ranges::find_if(all_, [&](const std::string& one) { return one.size() < secret.size(); });
  all_.emplace(place, secret);
}

std::string Secrets::without(std::string_view text) const {
  std::string clean(text);
  for (const std::string& secret : all_) {
    const bool is_short = secret.size() < kShortSecret;
    for (std::size_t at = clean.find(secret); at != std::string::npos; at = clean.find(secret, at)) {
      const std::size_t end = at + secret.size();
      const bool quoted = at > 0 && end < clean.size() && clean[at - 1] == '\'' && clean[end] == '\'';
      // Part of a longer word is another word: the property `sasl.password` beside the password `password`.
      const bool within = (at > 0 && is_word(secret.front()) && (is_word(clean[at - 1]) || clean[at - 1] == '.')) ||
                          (end < clean.size() && is_word(secret.back()) && is_word(clean[end]));
      if (!quoted && (is_short || within)) {
        at = end;
        continue;
      }
      clean.replace(at, secret.size(), kMark);
      at += kMark.size();
    }
  }
  return clean;
}

bool names_secret(std::string_view key) {
  const std::vector<std::string> words = words_of(key);
  if (words.empty() || one_of(words.front(), kSwitch) || one_of(words.back(), kAbout)) return false;
  if (std::ranges::any_of(words, is_secret_word)) return true;
  // `sasl.pass.word`, `PASS-WORD`: words that the separators cut.
  std::string joined;
  for (const std::string& word : words) joined += word;
  if (joined.find("password") != std::string::npos) return true;
  const auto owner = [](const std::string& word) { return one_of(word, kOwnerOfKey); };
  return words.size() > 1 && std::ranges::find(words, "key") != words.end() && std::ranges::any_of(words, owner);
}

}  // namespace streamrun
