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
        header_(at_start && framing.header && framing.header_is_line) {}

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
  void see_quote(std::string_view text, std::size_t at);
  // Up to `end`, in a line that may be the header.
  void see_header(std::string_view text, std::size_t end);
  template <class F>
  bool see_line_end(std::string_view text, std::size_t end, F&& found) {
    const std::uint64_t lines = ++lines_;
    if (inside_) return true;
    if (header_) {
      see_header(text, end);
      header_ = blank_;
    }
    lines_ = 0;
    return found(end, lines);
  }
  std::size_t stop(std::string_view text, std::size_t at) {
    if (at != 0) last_ = text[at - 1];
    closed_ = kNowhere;
    seen_ = 0;
    return at;
  }

  static constexpr std::size_t kNowhere = ~std::size_t{0};

  RecordFraming framing_;
  std::size_t mark_;               // bytes of a byte order mark that the input began with
  std::uint64_t lines_ = 0;        // that ended within the record
  std::size_t closed_ = kNowhere;  // position in the text behind a quote that has closed: another one opens again
  char last_ = '\n';               // the byte before the text
  bool inside_ = false;            // of quotes
  bool cr_ = false;                // the text before ended with a CR
  bool header_;                    // it has not ended
  bool blank_ = true;              // so far, the line that may be the header
  std::size_t seen_ = 0;           // position in the text up to which it was looked at
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
  const auto visit = [&](std::size_t base, std::uint64_t ends, std::uint64_t quotes) {
    if (quotes == 0) {
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
    for (std::uint64_t events = ends | quotes; events != 0; events &= events - 1) {
      const std::size_t at = base + static_cast<std::size_t>(std::countr_zero(events));
      if ((quotes & events & -events) != 0) {
        see_quote(text, at);
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
    if (ends != 0) ends &= ~(lf >> 1 | std::uint64_t{text[at + 64] == '\n'} << 63);
    if (const auto end = visit(at, ends | lf, framing_.quoted() ? is(framing_.quote) : 0); end != kNowhere) {
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
    const bool quote = framing_.quoted() && c == framing_.quote;
    if (const auto end = visit(at, ends ? 1 : 0, quote ? 1 : 0); end != kNowhere) return stop(text, end);
  }
  if (header_) see_header(text, text.size());
  seen_ = 0;
  last_ = text.back();
  closed_ = closed_ == text.size() ? 0 : kNowhere;
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

// A quote right behind it opens a field.
inline void RecordSplitter::skip_mark(std::string_view text) {
  std::size_t at = 0;
  while (at != text.size() && mark_ != kByteOrderMark.size() && text[at] == kByteOrderMark[mark_]) ++at, ++mark_;
  seen_ = at;
  if (mark_ == kByteOrderMark.size()) {
    closed_ = at;
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

inline void RecordSplitter::see_quote(std::string_view text, std::size_t at) {
  if (header_) return;
  if (inside_) {
    inside_ = false;
    closed_ = at + 1;
    return;
  }
  const char before = at == 0 ? last_ : text[at - 1];
  inside_ = at == closed_ || before == framing_.delimiter || before == '\n' || before == '\r';
}

}  // namespace streamrun
