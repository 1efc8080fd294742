// Characters of UTF-8 texts and their cases: what the string functions share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace streamrun {

// Code points.
std::uint32_t count_characters(std::string_view text);
inline std::size_t character_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}
// The length of the character at `at`, never past the end.
inline std::size_t character_at(std::string_view text, std::size_t at) {
  const std::size_t length = character_length(text[at]);
  return length < text.size() - at ? length : text.size() - at;
}
// Where the last character of `text`, which is not empty, begins.
inline std::size_t last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
  return begin;
}
bool is_ascii(std::string_view text);
char32_t code_point_at(std::string_view text, std::size_t at);
// Byte offset of character `n` (from 0), or the end.
std::size_t offset_of(std::string_view text, std::int64_t n);

// By Unicode's full mapping.
void append_lower(std::string_view text, std::string& out);
void append_upper(std::string_view text, std::string& out);

// Spark's substring: from 1, 0 is 1, negative from the end; what lies before the start eats length. Bytes of binaries.
std::string_view substring_of(std::string_view text, bool binary, std::int64_t position, std::int64_t length);

}  // namespace streamrun
