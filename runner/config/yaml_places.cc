#include "runner/config/yaml_places.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "runner/base/shown_text.h"

namespace streamrun {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_space(char c) {
  return is_blank(c) || c == '\n' || c == '\r';
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// How far the value has been found again; nothing: it has not.
using Found = std::optional<std::size_t>;

// Plain and block scalars, and single-quoted ones: characters stand as they are, in order; only blanks and
// line ends may differ.
Found match_by_characters(std::string_view file, std::size_t at, bool single_quoted, const std::string& value,
                          RunList& runs) {
  for (std::size_t i = 0; i < value.size();) {
    if (!is_space(value[i])) {
      if (at < file.size() && is_space(file[at])) at = skip_spaces(file, at);
      if (at >= file.size() || file[at] != value[i]) return std::nullopt;
      const bool doubled = single_quoted && value[i] == '\'';
      if (doubled && (at + 1 >= file.size() || file[at + 1] != '\'')) return std::nullopt;
      runs.add(i, at, !doubled);
      at += doubled ? 2 : 1;
      ++i;
      continue;
    }
    const std::size_t value_end = skip_spaces(value, i);
    const std::size_t file_end = skip_spaces(file, at);
    const std::string_view in_value = std::string_view(value).substr(i, value_end - i);
    const std::string_view in_file = file.substr(at, file_end - at);
    if (in_file.starts_with(in_value) && (in_file.size() == in_value.size() || value_end == value.size())) {
      for (std::size_t k = 0; k < in_value.size(); ++k) runs.add(i + k, at + k, true);
      at += in_value.size();
    } else {
      // What ends both (an indentation that belongs to the value) stands one to one.
      std::size_t common = 0;
      while (value_end != value.size() && common < in_value.size() && common < in_file.size() &&
             in_value[in_value.size() - 1 - common] == in_file[in_file.size() - 1 - common] &&
             in_value[in_value.size() - 1 - common] == ' ') {
        ++common;
      }
      for (std::size_t k = i; k < value_end - common; ++k) runs.add(k, at, false);
      for (std::size_t k = value_end - common; k < value_end; ++k) runs.add(k, file_end - (value_end - k), true);
      at = file_end;
    }
    i = value_end;
  }
  return at;
}

struct Escape {
  std::string bytes;
  std::size_t length = 0;  // of its text, backslash included
};

std::optional<Escape> decode_escape(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto simple = [](std::uint32_t code_point) {
    Escape made{{}, 2};
    append_utf8(made.bytes, code_point);
    return made;
  };
  std::size_t digits = 0;
  switch (text[1]) {
    case '0': return simple(0);
    case 'a': return simple(7);
    case 'b': return simple(8);
    case 't':
    case '\t': return simple(9);
    case 'n': return simple(10);
    case 'v': return simple(11);
    case 'f': return simple(12);
    case 'r': return simple(13);
    case 'e': return simple(27);
    case 'N': return simple(0x85);
    case '_': return simple(0xA0);
    case 'L': return simple(0x2028);
    case 'P': return simple(0x2029);
    case ' ':
    case '"':
    case '\'':
    case '/':
    case '\\': return simple(static_cast<unsigned char>(text[1]));
    case 'x': digits = 2; break;
    case 'u': digits = 4; break;
    case 'U': digits = 8; break;
    default: return std::nullopt;
  }
  if (text.size() < 2 + digits) return std::nullopt;
  std::uint32_t code_point = 0;
  for (std::size_t i = 2; i < 2 + digits; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    code_point = code_point * 16 + static_cast<std::uint32_t>(digit);
  }
  Escape made{{}, 2 + digits};
  append_utf8(made.bytes, code_point);
  return made;
}

// The blanks and line ends at `at`: where they end, and how many line ends they hold.
std::pair<std::size_t, std::size_t> line_fold(std::string_view file, std::size_t at) {
  const std::size_t end = skip_spaces(file, at);
  const auto breaks =
      std::count(file.begin() + static_cast<std::ptrdiff_t>(at), file.begin() + static_cast<std::ptrdiff_t>(end), '\n');
  return {end, static_cast<std::size_t>(breaks)};
}

Found match_double_quoted(std::string_view file, std::size_t at, const std::string& value, RunList& runs) {
  std::size_t i = 0;
  while (at < file.size() && file[at] != '"') {
    if (file[at] == '\\' && at + 1 < file.size() && (file[at + 1] == '\n' || file[at + 1] == '\r')) {
      // A line end that is no blank; empty lines behind it count all the same.
      auto [end, breaks] = line_fold(file, at + 1);
      for (; breaks > 1 && i < value.size() && value[i] == '\n'; --breaks) runs.add(i++, at, false);
      at = end;
    } else if (file[at] == '\\') {
      const auto escape = decode_escape(file.substr(at));
      if (!escape || value.compare(i, escape->bytes.size(), escape->bytes) != 0) return std::nullopt;
      for (std::size_t k = 0; k < escape->bytes.size(); ++k) runs.add(i++, at, false);
      at += escape->length;
    } else if (const auto [end, breaks] = line_fold(file, at); breaks > 0) {
      const std::string folded = breaks == 1 ? " " : std::string(breaks - 1, '\n');
      if (value.compare(i, folded.size(), folded) != 0) return std::nullopt;
      for (std::size_t k = 0; k < folded.size(); ++k) runs.add(i++, at, false);
      at = end;
    } else {
      if (i >= value.size() || value[i] != file[at]) return std::nullopt;
      runs.add(i++, at++, true);
    }
  }
  if (at >= file.size() || i != value.size()) return std::nullopt;
  return at;
}

// Behind the header of a block scalar: `|2-  # note`.
std::size_t block_content(std::string_view file, std::size_t at) {
  const std::size_t end = file.find('\n', at);
  return end == std::string_view::npos ? file.size() : end + 1;
}

}  // namespace

void RunList::add(std::size_t value, std::size_t file, bool verbatim) {
  LocatedText::Run run{static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(file), verbatim};
  if (!runs_.empty()) {
    const LocatedText::Run& last = runs_.back();
    const bool goes_on = last.verbatim == verbatim &&
                         (verbatim ? run.file - last.file == run.value - last.value : run.file == last.file);
    if (goes_on) return;
  }
  runs_.push_back(run);
}

void append_utf8(std::string& text, std::uint32_t code_point) {
  const auto put = [&text](std::uint32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0U | (code_point >> 6U));
    put(0x80U | (code_point & 0x3FU));
  } else if (code_point < 0x10000) {
    put(0xE0U | (code_point >> 12U));
    put(0x80U | ((code_point >> 6U) & 0x3FU));
    put(0x80U | (code_point & 0x3FU));
  } else {
    put(0xF0U | ((code_point >> 18U) & 0x07U));
    put(0x80U | ((code_point >> 12U) & 0x3FU));
    put(0x80U | ((code_point >> 6U) & 0x3FU));
    put(0x80U | (code_point & 0x3FU));
  }
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Character character = utf8_character(text, at);
    if (!character.valid) return at;
    at += character.length;
  }
  return std::string_view::npos;
}

NodeStart skip_properties(std::string_view file, std::uint32_t at) {
  NodeStart start;
  std::size_t here = at;
  while (here < file.size() && (file[here] == '&' || file[here] == '!')) {
    std::size_t end = here + 1;
    while (end < file.size() && !is_space(file[end])) {
      // An anchor ends at a flow indicator; so does a tag, but for the verbatim `!<…>`.
      if (std::string_view(",[]{}").find(file[end]) != std::string_view::npos) break;
      ++end;
    }
    if (file[here] == '!') start.tag = {static_cast<std::uint32_t>(here), static_cast<std::uint32_t>(end)};
    here = skip_spaces(file, end);
    while (here < file.size() && file[here] == '#') {
      here = skip_spaces(file, std::min(file.find('\n', here), file.size()));
    }
  }
  start.text = static_cast<std::uint32_t>(std::min(here, file.size()));
  return start;
}

std::size_t find_closing_quote(std::string_view file, std::size_t at) {
  const char quote = file[at];
  for (++at; at < file.size(); ++at) {
    if (quote == '"' && file[at] == '\\') {
      ++at;
    } else if (file[at] == quote) {
      if (quote == '"' || at + 1 >= file.size() || file[at + 1] != quote) return at;
      ++at;
    }
  }
  return std::string_view::npos;
}

ScalarStyle scalar_style(std::string_view file, std::uint32_t at, bool plain) {
  if (plain || at >= file.size()) return ScalarStyle::plain;
  if (file[at] == '"') return ScalarStyle::double_quoted;
  if (file[at] == '\'') return ScalarStyle::single_quoted;
  return file[at] == '|' || file[at] == '>' ? ScalarStyle::block : ScalarStyle::plain;
}

LocatedText locate_scalar(std::string_view file, std::uint32_t at, ScalarStyle style, std::string value) {
  RunList runs;
  Found end;
  bool closing_quote = false;
  switch (style) {
    case ScalarStyle::plain: end = match_by_characters(file, at, false, value, runs); break;
    case ScalarStyle::block: end = match_by_characters(file, block_content(file, at), false, value, runs); break;
    case ScalarStyle::single_quoted:
      end = match_by_characters(file, at + 1U, true, value, runs);
      if (end) {
        // Blanks and folds that the value does not show may stand before the closing quote.
        end = skip_spaces(file, *end);
        closing_quote = *end < file.size() && file[*end] == '\'';
        if (!closing_quote) end.reset();
      }
      break;
    case ScalarStyle::double_quoted:
      end = match_double_quoted(file, at + 1U, value, runs);
      closing_quote = end.has_value();
      break;
  }
  const auto size = static_cast<std::uint32_t>(value.size());
  if (!end) {
    const std::size_t line_end = std::min(file.find('\n', at), file.size());
    const Span whole{at, static_cast<std::uint32_t>(std::max<std::size_t>(line_end, at))};
    return {std::move(value), whole, {{0, at, false}, {size, at, false}}};
  }
  const auto value_end = static_cast<std::uint32_t>(*end);
  auto list = std::move(runs).take();
  list.push_back({size, value_end, true});  // a caret behind the last character, before the quote
  return {std::move(value), Span{at, value_end + (closing_quote ? 1U : 0U)}, std::move(list)};
}

}  // namespace streamrun
