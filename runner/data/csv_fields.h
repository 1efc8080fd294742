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
#include "runner/data/text_scan.h"

namespace streamrun {

struct CsvField {
  std::string_view text;  // without the quotes around it, but with doubled ones within
  bool quoted = false;
  bool doubled = false;
};

// The text that a field with doubled quotes stands for.
inline std::string_view undouble(std::string_view text, char quote, std::string& spare) {
  spare.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    spare.push_back(text[i]);
    if (text[i] == quote) ++i;
  }
  return spare;
}

class CsvCutter {
 public:
  CsvCutter(char delimiter, char quote) : delimiter_(delimiter), quote_(quote) {}

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

 private:
  std::size_t cut_quoted(std::string_view text, std::span<CsvField> fields, std::string& fault) const {
    std::size_t found = 0;
    for (std::size_t i = 0;; ++i) {
      CsvField field;
      if (i < text.size() && text[i] == quote_) {
        const std::size_t begin = i;
        if (!cut_quotes(text, i, field)) {
          fault = "a quoted field is not closed: " + excerpt(text.substr(begin));
          return 0;
        }
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

  // From the quote at `i` up to behind the one that closes it.
  bool cut_quotes(std::string_view text, std::size_t& i, CsvField& field) const {
    field.quoted = true;
    const std::size_t begin = ++i;
    for (;;) {
      i = text.find(quote_, i);
      if (i == std::string_view::npos) return false;
      if (i + 1 >= text.size() || text[i + 1] != quote_) break;
      field.doubled = true;
      i += 2;
    }
    field.text = text.substr(begin, i - begin);
    ++i;
    return true;
  }

  char delimiter_;
  char quote_;
};

}  // namespace streamrun
