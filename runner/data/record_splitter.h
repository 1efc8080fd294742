// The one place that knows where records end; record_framing.h has the grammar.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runner/data/record_framing.h"
#include "runner/data/text_scan.h"

namespace streamrun {

// Bit i is set where p[i] is `c`, of 64 bytes.
inline std::uint64_t match_block(const char* p, char c) {
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(c);
  const auto mask_of = [&](std::size_t from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + from));
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted))));
  };
  return mask_of(0) | mask_of(16) << 16 | mask_of(32) << 32 | mask_of(48) << 48;
#else
  std::uint64_t mask = 0;
  for (unsigned i = 0; i < 64; ++i) mask |= std::uint64_t{p[i] == c} << i;
  return mask;
#endif
}

// Finds the ends of records (not of a fixed length) in texts that follow one another. One thread.
class RecordSplitter {
 public:
  // `at_start`: the first text begins the input.
  RecordSplitter(const RecordFraming& framing, bool at_start)
      : framing_(framing),
        mark_(at_start && framing.text ? 0 : kByteOrderMark.size()),
        header_(at_start && framing.header && framing.header_is_line) {
    if (!framing.quoted()) return;
    signs_[sign_count_++] = framing.quote;
    if (framing.escape != '\0') signs_[sign_count_++] = framing.escape;
    if (framing.comment != '\0') signs_[sign_count_++] = framing.comment;
  }

  // Calls found(end, lines) behind the line end of each record, in order, until it is false: a record of so many lines
  // ends before text[end]. Whether a CR at the end of a text is half a line end is known with the next text only, where
  // `end` may be 0. Gives the bytes that were looked at: all, or up to the end for which found() was false.
  template <class F>
  std::size_t scan(std::string_view text, F&& found);

  // Lines that the open record has behind it, and whether its last byte is the CR of a line end.
  std::uint64_t lines() const { return lines_; }
  bool behind_cr() const { return cr_ && !inside_; }
  bool inside_quotes() const { return inside_; }

 private:
  template <class F>
  std::size_t scan_lines(std::string_view text, F&& found);
  void skip_mark(std::string_view text);
  void see_sign(std::string_view text, std::size_t at);
  void leave(std::string_view text);
  // Up to `end`, in a line that may be the header.
  void see_header(std::string_view text, std::size_t end);
  template <class F>
  bool see_line_end(std::string_view text, std::size_t end, F&& found) {
    const std::uint64_t lines = ++lines_;
    if (inside_) return true;
    if (header_) {
      see_header(text, end);
      header_ = blank_ || comment_;
      blank_ = true;
    }
    lines_ = 0;
    comment_ = false;
    return found(end, lines);
  }
  std::size_t stop(std::string_view text, std::size_t at) {
    if (at != 0) last_ = last_shown_ = text[at - 1];
    begin_ = closed_ = escaped_ = kNowhere;
    seen_ = 0;
    return at;
  }

  static constexpr std::size_t kNowhere = ~std::size_t{0};

  RecordFraming framing_;
  std::size_t mark_;                // bytes of a byte order mark that the input began with
  std::uint64_t lines_ = 0;         // that ended within the record
  std::size_t begin_ = kNowhere;    // position in the text of the input's beginning behind its mark
  std::size_t closed_ = kNowhere;   // behind a quote that has closed: another one opens again
  std::size_t escaped_ = kNowhere;  // behind an escape within quotes
  char last_ = '\n';                // the byte before the text
  char last_shown_ = '\n';          // the last one that is no blank
  char signs_[3] = {};              // of the framing: what is looked at besides line ends
  unsigned sign_count_ = 0;
  bool inside_ = false;   // of quotes
  bool comment_ = false;  // the line at hand is one
  bool cr_ = false;       // the text before ended with a CR
  bool header_;           // it has not ended
  bool blank_ = true;     // so far, the line that may be the header
  std::size_t seen_ = 0;  // position in the text up to which it was looked at
};

template <class F>
std::size_t RecordSplitter::scan(std::string_view text, F&& found) {
  if (!framing_.cr_ends_line) return scan_lines(text, found);
  if (text.empty()) return 0;
  if (mark_ < kByteOrderMark.size()) skip_mark(text);
  if (cr_) {
    cr_ = false;
    if (text[0] != '\n' && !see_line_end(text, 0, found)) return stop(text, 0);
  }
  // Bits [from, …) of the block at `base`.
  const auto visit = [&](std::size_t base, std::uint64_t ends, std::uint64_t signs) {
    if (signs == 0) {
      if (inside_) {
        lines_ += static_cast<std::uint64_t>(std::popcount(ends));
        return kNowhere;
      }
      for (; ends != 0; ends &= ends - 1) {
        const std::size_t end = base + static_cast<std::size_t>(std::countr_zero(ends)) + 1;
        if (!see_line_end(text, end, found)) return end;
      }
      return kNowhere;
    }
    for (std::uint64_t events = ends | signs; events != 0; events &= events - 1) {
      const std::size_t at = base + static_cast<std::size_t>(std::countr_zero(events));
      if ((signs & events & -events) != 0) {
        see_sign(text, at);
      } else if (!see_line_end(text, at + 1, found)) {
        return at + 1;
      }
    }
    return kNowhere;
  };
  std::size_t at = 0;
  for (; text.size() - at > 64; at += 64) {
    const auto is = [&](char c) { return match_block(text.data() + at, c); };
    const std::uint64_t lf = is('\n');
    std::uint64_t ends = is('\r');
    std::uint64_t signs = 0;
    for (unsigned i = 0; i < sign_count_; ++i) signs |= is(signs_[i]);
    if (ends != 0) ends &= ~(lf >> 1 | std::uint64_t{text[at + 64] == '\n'} << 63);
    if (const auto end = visit(at, ends | lf, signs); end != kNowhere) {
      return stop(text, end);
    }
  }
  for (; at != text.size(); ++at) {
    const char c = text[at];
    if (c == '\r' && at + 1 == text.size()) {
      cr_ = true;
      break;
    }
    const bool ends = c == '\n' || (c == '\r' && text[at + 1] != '\n');
    bool sign = false;
    for (unsigned i = 0; i < sign_count_; ++i) sign |= c == signs_[i];
    if (const auto end = visit(at, ends ? 1 : 0, sign ? 1 : 0); end != kNowhere) return stop(text, end);
  }
  if (header_) see_header(text, text.size());
  seen_ = 0;
  leave(text);
  return text.size();
}

template <class F>
std::size_t RecordSplitter::scan_lines(std::string_view text, F&& found) {
  std::size_t used = text.size();
  for_each_byte(text, '\n', [&](std::size_t at) {
    if (found(at + 1, std::uint64_t{1})) return true;
    used = at + 1;
    return false;
  });
  return used;
}

// A record begins right behind it.
inline void RecordSplitter::skip_mark(std::string_view text) {
  std::size_t at = 0;
  while (at != text.size() && mark_ != kByteOrderMark.size() && text[at] == kByteOrderMark[mark_]) ++at, ++mark_;
  seen_ = at;
  if (mark_ == kByteOrderMark.size()) {
    begin_ = at;
    last_shown_ = '\n';
  } else if (at != text.size()) {
    if (mark_ != 0) blank_ = false;
    mark_ = kByteOrderMark.size();
  }
}

inline void RecordSplitter::see_header(std::string_view text, std::size_t end) {
  for (const char c : text.substr(seen_, end - seen_)) {
    blank_ = blank_ && (c == '\n' || c == '\r' || is_blank({&c, 1}, framing_.delimiter));
  }
  seen_ = end;
}

inline void RecordSplitter::see_sign(std::string_view text, std::size_t at) {
  const char sign = text[at];
  if (comment_ || (header_ && sign != framing_.comment)) return;
  if (inside_) {
    if (at == escaped_) return;
    if (sign == framing_.quote) {
      inside_ = false;
      closed_ = at + 1;
    } else if (sign == framing_.escape) {
      escaped_ = at + 1;
    }
    return;
  }
  const auto line_end = [](char c) { return c == '\n' || c == '\r'; };
  if (sign == framing_.comment && (at == begin_ || line_end(at == 0 ? last_ : text[at - 1]))) {
    comment_ = true;
    return;
  }
  if (sign != framing_.quote) return;
  std::size_t field = at;
  while (framing_.trim && field != 0 && field != begin_ && is_blank_byte(text[field - 1], framing_.delimiter)) --field;
  const char before = field != 0 ? text[field - 1] : framing_.trim ? last_shown_ : last_;
  inside_ =
      (at == closed_ && framing_.escape == '\0') || field == begin_ || before == framing_.delimiter || line_end(before);
}

// Keeps what is asked of the text before the next one.
inline void RecordSplitter::leave(std::string_view text) {
  last_ = text.back();
  if (framing_.trim) {
    std::size_t shown = text.size();
    while (shown != 0 && shown != begin_ && is_blank_byte(text[shown - 1], framing_.delimiter)) --shown;
    if (shown != 0 && shown != begin_) last_shown_ = text[shown - 1];
  }
  for (std::size_t* const place : {&begin_, &closed_, &escaped_}) *place = *place == text.size() ? 0 : kNowhere;
}

}  // namespace streamrun
