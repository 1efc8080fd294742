// Where records end in a stream of bytes, and the one grammar of CSV that splitter, decoder and encoder share:
//
//   - LF, CR and CRLF end a record, mixed as they come; the last one needs no end.
//   - The delimiter ends a field.
//   - A field whose first byte is the quote is quoted. Within it two quotes are one, and all else is text: delimiters,
//     line ends, which stay as they are, blanks. One quote ends it. What then stands before the next delimiter or line
//     end makes the record unreadable, but it is outside of quotes.
//   - Where there is an escape, it takes the place of the doubled quote: within quotes a quote or an escape behind it
//     is text. Before anything else, and outside of quotes, it is text itself.
//   - A quote anywhere else is text, and opens nothing. So it is in a header that is passed over: that is a line.
//   - Where blanks are trimmed, those around a field are no part of it, and a quote behind them is its first byte.
//   - Where there is a comment character, a line that begins with it where a record would begin is none.
//
// A record is its lines, and its place is that of the first. A quote that is opened by mistake takes what follows with
// it up to the next quote, at worst up to the end of the input, as in Spark's `multiLine`: all of it is one record,
// which is rejected, since rows made of it might be lines of a text. As only a field's first byte opens, the lines
// behind the record are read as they were meant. Past the bound of a record its end is looked for and nothing more is
// kept, so that the damage reaches as far, and memory does not.
#pragma once

#include <cstdint>
#include <string_view>

namespace streamrun {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// How the records of a format follow one another.
struct RecordFraming {
  std::uint32_t length = 0;   // bytes of each; 0: they end with a line
  bool cr_ends_line = false;  // CR alone does too
  char quote = '\0';          // NUL: line ends within quotes end records as well
  char delimiter = '\0';
  char escape = '\0';           // NUL: a quote within quotes is doubled
  char comment = '\0';          // NUL: there are none
  bool trim = false;            // blanks may stand before a quote that opens
  bool header = false;          // the first record that is not blank stands before the others
  bool header_is_line = false;  // it is passed over, whatever is in it: quotes do not open in it
  bool text = true;             // UTF-8, perhaps behind a byte order mark

  bool quoted() const { return quote != '\0'; }
  bool is_comment(std::string_view record) const {
    return comment != '\0' && !record.empty() && record.front() == comment;
  }
};

// Of the first record of an input.
inline std::string_view without_mark(std::string_view record) {
  if (record.starts_with(kByteOrderMark)) record.remove_prefix(kByteOrderMark.size());
  return record;
}

// Of a record that was not cut at it, as a message may have one.
inline std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

inline bool is_blank_byte(char c, char delimiter) {
  return (c == ' ' || c == '\t') && c != delimiter;
}

// No record, but a line of blanks.
inline bool is_blank(std::string_view record, char delimiter) {
  for (const char c : record) {
    if (!is_blank_byte(c, delimiter)) return false;
  }
  return true;
}

}  // namespace streamrun
