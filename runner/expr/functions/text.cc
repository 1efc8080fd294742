// Characters of UTF-8 texts and their cases.
#include "runner/expr/functions/text.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>

namespace streamrun {

std::uint32_t count_characters(std::string_view text) {
  std::uint32_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
  return n;
}

bool is_ascii(std::string_view text) {
  unsigned char any = 0;
  for (const char c : text) any |= static_cast<unsigned char>(c);
  return any < 0x80;
}
char32_t code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<char32_t>(static_cast<unsigned char>(text[at + i])) : 0;
  };
  switch (character_length(text[at])) {
    case 1: return byte(0);
    case 2: return ((byte(0) & 0x1F) << 6) | (byte(1) & 0x3F);
    case 3: return ((byte(0) & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
    default: return ((byte(0) & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F);
  }
}
namespace {

// 26 letters from `first` on, moved by `by`; the loop has no branch.
template <char first, int by>
void append_ascii(std::string_view text, std::string& out) {
  const std::size_t at = out.size();
  out.resize(at + text.size());
  char* to = out.data() + at;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto letter = static_cast<unsigned char>(text[i] - first);
    to[i] = static_cast<char>(text[i] + (letter < 26 ? by : 0));
  }
}

icu::UnicodeString unicode(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

}  // namespace

void append_lower(std::string_view text, std::string& out) {
  if (is_ascii(text)) {
    append_ascii<'A', 32>(text, out);
    return;
  }
  unicode(text).toLower(icu::Locale::getRoot()).toUTF8String(out);
}
void append_upper(std::string_view text, std::string& out) {
  if (is_ascii(text)) {
    append_ascii<'a', -32>(text, out);
    return;
  }
  unicode(text).toUpper(icu::Locale::getRoot()).toUTF8String(out);
}

// Byte offset of character `n` (from 0), or the end.
std::size_t offset_of(std::string_view text, std::int64_t n) {
  std::size_t at = 0;
  while (n > 0 && at < text.size()) {
    at += character_at(text, at);
    --n;
  }
  return at;
}

namespace {

// Spark's substring: from 1, 0 is 1, negative from the end; what lies before the start eats length.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
Range substring_range(std::int64_t size, std::int64_t position, std::int64_t length) {
  const std::int64_t begin = position > 0 ? position - 1 : position < 0 ? size + position : 0;
  const std::int64_t end = length < 0 ? begin : begin + length;
  return {std::clamp<std::int64_t>(begin, 0, size), std::clamp<std::int64_t>(end, 0, size)};
}

}  // namespace

std::string_view substring_of(std::string_view text, bool binary, std::int64_t position, std::int64_t length) {
  if (binary || is_ascii(text)) {
    const Range r = substring_range(static_cast<std::int64_t>(text.size()), position, length);
    return text.substr(static_cast<std::size_t>(r.begin),
                       static_cast<std::size_t>(std::max<std::int64_t>(r.end - r.begin, 0)));
  }
  const Range r = substring_range(count_characters(text), position, length);
  const std::size_t begin = offset_of(text, r.begin);
  return text.substr(begin, offset_of(text.substr(begin), r.end - r.begin));
}

}  // namespace streamrun
