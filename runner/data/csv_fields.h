// The fields of a CSV record; record_framing.h has the grammar.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "runner/data/cell.h"
#include "runner/data/codec.h"
#include "runner/data/record_framing.h"
#include "runner/data/text_scan.h"

namespace streamrun {

struct CsvField {
  std::string_view text;  // without the quotes around it, but with escapes before those within
  bool quoted = false;
  bool escaped = false;
};

inline std::string_view without_blanks(std::string_view text, char delimiter) {
  while (!text.empty() && is_blank_byte(text.front(), delimiter)) text.remove_prefix(1);
  while (!text.empty() && is_blank_byte(text.back(), delimiter)) text.remove_suffix(1);
  return text;
}

class CsvCutter {
 public:
  explicit CsvCutter(const CsvOptions& options)
      : delimiter_(options.delimiter),
        quote_(options.quote),
        escape_(options.escape != '\0' ? options.escape : options.quote),
        trim_(options.trim) {}

  // Cuts a record, of which as many fields are kept as there is room for: their number, or 0 and a fault.
  std::size_t cut(std::string_view text, std::span<CsvField> fields, std::string& fault) const {
    if (std::memchr(text.data(), quote_, text.size()) != nullptr) return cut_quoted(text, fields, fault);
    const char* const end = text.data() + text.size();
    const char* begin = text.data();
    std::size_t found = 0;
    for (const char* p = begin; p < end; p += 8) {
      std::uint64_t marks = bytes_equal(load_word(p), delimiter_);
      while (marks != 0) {
        const char* const mark = p + std::countr_zero(marks) / 8;
        if (mark >= end) break;
        if (found < fields.size()) fields[found] = {{begin, static_cast<std::size_t>(mark - begin)}, false, false};
        ++found;
        begin = mark + 1;
        marks &= marks - 1;
      }
    }
    if (found < fields.size()) fields[found] = {{begin, static_cast<std::size_t>(end - begin)}, false, false};
    return found + 1;
  }

  // The text that a quoted field with escapes stands for.
  std::string_view unescape(std::string_view text, std::string& spare) const {
    spare.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == escape_ && escapes(text, i)) ++i;
      spare.push_back(text[i]);
    }
    return spare;
  }

 private:
  std::size_t cut_quoted(std::string_view text, std::span<CsvField> fields, std::string& fault) const {
    std::size_t found = 0;
    for (std::size_t i = 0;; ++i) {
      CsvField field;
      if (const std::size_t shown = behind_blanks(text, i); shown < text.size() && text[shown] == quote_) i = shown;
      if (i < text.size() && text[i] == quote_) {
        const std::size_t begin = i;
        if (!cut_quotes(text, i, field)) {
          fault = "a quoted field is not closed: " + excerpt(text.substr(begin));
          return 0;
        }
        i = behind_blanks(text, i);
        if (i < text.size() && text[i] != delimiter_) {
          fault = "something follows a quoted field: " + excerpt(text.substr(begin));
          return 0;
        }
      } else {
        const std::size_t mark = std::min(text.find(delimiter_, i), text.size());
        field.text = text.substr(i, mark - i);
        i = mark;
      }
      if (found < fields.size()) fields[found] = field;
      ++found;
      if (i >= text.size()) return found;
    }
  }

  std::size_t behind_blanks(std::string_view text, std::size_t i) const {
    while (trim_ && i < text.size() && is_blank_byte(text[i], delimiter_)) ++i;
    return i;
  }

  // Whether an escape at `i`, within quotes, has a quote or an escape behind it.
  bool escapes(std::string_view text, std::size_t i) const {
    return i + 1 < text.size() && (text[i + 1] == quote_ || text[i + 1] == escape_);
  }

  // From the quote at `i` up to behind the one that closes it.
  bool cut_quotes(std::string_view text, std::size_t& i, CsvField& field) const {
    field.quoted = true;
    const std::size_t begin = ++i;
    for (;; ++i) {
      if (escape_ == quote_) {
        i = text.find(quote_, i);
      } else {
        while (i < text.size() && text[i] != quote_ && text[i] != escape_) ++i;
      }
      if (i >= text.size()) return false;
      if (text[i] == escape_ && escapes(text, i)) {
        field.escaped = true;
        ++i;
      } else if (text[i] == quote_) {
        break;
      }
    }
    field.text = text.substr(begin, i - begin);
    ++i;
    return true;
  }

  char delimiter_;
  char quote_;
  char escape_;  // the quote, where quotes are doubled
  bool trim_;
};

}  // namespace streamrun
