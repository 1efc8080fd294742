#include "runner/expr/json/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "runner/data/json_variant.h"
#include "runner/data/raw_records.h"
#include "runner/data/text_value.h"

namespace streamrun {
namespace {

constexpr std::array<std::string_view, 7> kNotNumberWords = {"NaN",  "Infinity", "-Infinity", "+Infinity",
                                                             "-INF", "+INF",     "INF"};

// Copies the string that begins at `at` in double quotes, and gives back where it ends.
std::size_t copy_string(std::string_view text, std::size_t at, bool escape_controls, std::string& out) {
  const char quote = text[at++];
  out += '"';
  for (; at < text.size() && text[at] != quote; ++at) {
    const char c = text[at];
    if (c == '\\' && at + 1 < text.size()) {
      out.append(text, at++, 2);
    } else if (c == '"') {
      out += "\\\"";
    } else if (escape_controls && static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  if (at == text.size()) return at;
  out += '"';
  return at + 1;
}

// The text as the standard writes it.
void tighten(std::string_view text, std::uint8_t leniency, std::string& out) {
  out.clear();
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || (c == '\'' && (leniency & kSingleQuotes) != 0)) {
      at = copy_string(text, at, (leniency & kControlBytes) != 0, out);
      continue;
    }
    const auto word =
        (leniency & kNotNumbers) == 0
            ? kNotNumberWords.end()
            : std::ranges::find_if(kNotNumberWords, [&](std::string_view w) { return text.substr(at).starts_with(w); });
    if (word != kNotNumberWords.end()) {
      out.append(1, '"').append(*word).append(1, '"');
      at += word->size();
    } else {
      out += c;
      ++at;
    }
  }
}

void jackson_number(std::string_view text, bool whole, std::string& out) {
  if (whole) {
    out.append(text);
  } else {
    append_double_of(text, out);
  }
}

bool fail(JsonCursor& cursor, const char* why) {
  cursor.reason = why;
  return false;
}

bool rewrite_string(JsonCursor& cursor, std::string& out) {
  std::string text;
  if (!take_json_string(cursor, text)) return false;
  append_json_string(text, out);
  return true;
}

bool rewrite_scalar(JsonCursor& cursor, const JsonForm& form, std::string& out) {
  if (cursor.done()) return fail(cursor, "a value is missing");
  const std::string_view text = cursor.scalar();
  bool whole = false;
  if (text == "true" || text == "false" || text == "null") {
    out.append(text);
  } else if (json_number(text, whole)) {
    form.number(text, whole, out);
  } else {
    return fail(cursor, "a value is malformed");
  }
  ++cursor.at;
  return true;
}

bool rewrite_object(JsonCursor& cursor, int depth, const JsonForm& form, std::string& out) {
  std::vector<std::pair<std::string, std::string>> fields;  // the values are written already
  while (cursor.token() != '}') {
    if (!fields.empty()) {
      if (cursor.token() != ',') return fail(cursor, "a comma or a brace is missing");
      ++cursor.at;
    }
    auto& [name, value] = fields.emplace_back();
    if (!take_json_string(cursor, name)) return false;
    if (cursor.token() != ':') return fail(cursor, "a colon is missing behind a key");
    ++cursor.at;
    if (!rewrite_json(cursor, depth + 1, form, value)) return false;
  }
  ++cursor.at;
  if (form.sorted) {
    std::ranges::stable_sort(fields, {}, [](const auto& field) -> const std::string& { return field.first; });
  }
  out += '{';
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (form.sorted && i + 1 < fields.size() && fields[i].first == fields[i + 1].first) {
      if (form.unique) return fail(cursor, "a key is there twice");
      continue;
    }
    if (out.back() != '{') out += ',';
    append_json_string(fields[i].first, out);
    out.append(1, ':').append(fields[i].second);
  }
  out += '}';
  return true;
}

}  // namespace

const JsonForm kJacksonForm{jackson_number, false};
const JsonForm kReadForm{append_variant_number, true};
const JsonForm kParsedForm{append_variant_number, true, true};
const JsonForm kVariantForm{[](std::string_view text, bool, std::string& out) { out.append(text); }, true};

bool JsonText::index(std::size_t size) {
  if (index_.build(buffer_.data(), size) != nullptr) return false;
  cursor_ = {};
  cursor_.base = buffer_.data();
  cursor_.at = index_.positions();
  cursor_.stop = cursor_.at + index_.count();
  cursor_.end = static_cast<std::uint32_t>(size);
  return !cursor_.done();
}

bool JsonText::open(std::string_view text, std::uint8_t leniency) {
  const auto ready = [&] {
    const std::size_t size = buffer_.size();
    buffer_.append(kPadding, ' ');
    return index(size);
  };
  const bool odd = ((leniency & kSingleQuotes) != 0 && text.find('\'') != std::string_view::npos) ||
                   ((leniency & kNotNumbers) != 0 && text.find_first_of("NI") != std::string_view::npos);
  if (!odd) {
    buffer_.assign(text);
    if (ready()) return true;
    if ((leniency & kControlBytes) == 0) return false;
  }
  tighten(text, leniency, buffer_);
  return ready();
}

bool take_json_string(JsonCursor& cursor, std::string& out) {
  std::string_view raw;
  if (cursor.token() != '"' || !cursor.string(raw)) return fail(cursor, "a string is missing");
  if (const char* reason = json_unescape(raw, out)) return fail(cursor, reason);
  ++cursor.at;
  return true;
}

bool rewrite_json(JsonCursor& cursor, int depth, const JsonForm& form, std::string& out) {
  if (depth > kJsonDepth) return fail(cursor, "it is nested deeper than 100 levels");
  const char first = cursor.token();
  if (first == '"') return rewrite_string(cursor, out);
  if (first != '{' && first != '[') return rewrite_scalar(cursor, form, out);
  ++cursor.at;
  if (first == '{') return rewrite_object(cursor, depth, form, out);
  out += '[';
  for (bool any = false; cursor.token() != ']'; any = true) {
    if (any) {
      if (cursor.token() != ',') return fail(cursor, "a comma or a bracket is missing");
      ++cursor.at;
      out += ',';
    }
    if (!rewrite_json(cursor, depth + 1, form, out)) return false;
  }
  ++cursor.at;
  out += ']';
  return true;
}

}  // namespace streamrun
