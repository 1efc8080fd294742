#include "runner/base/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace streamrun {
namespace {

constexpr std::size_t kLongestLine = 160;  // characters of a line that are shown
constexpr std::size_t kLongestName = 128;  // of names that are compared
constexpr std::size_t kMostKept = 1000;    // errors; more help nobody

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}
bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// A message is one line and moves no cursor, whatever values are quoted in it.
std::string one_line(std::string message) {
  if (std::none_of(message.begin(), message.end(), is_control)) return message;
  std::string clean;
  for (const char c : message) {
    if (c == '\n') {
      clean += "\\n";
    } else if (c == '\r') {
      clean += "\\r";
    } else if (c == '\t') {
      clean += "\\t";
    } else if (is_control(c)) {
      clean += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      clean += c;
    }
  }
  return clean;
}

// The line as characters that a terminal may be shown: tabs stay, broken bytes and controls become '?'.
std::vector<std::string> characters(std::string_view line) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t next = at + 1;
    while (next < line.size() && next < at + 4 && is_continuation(line[next])) ++next;
    const auto lead = static_cast<unsigned char>(line[at]);
    const std::size_t wanted = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    // Longer than need be, a surrogate, or past the last code point.
    const unsigned second = next > at + 1 ? static_cast<unsigned char>(line[at + 1]) : 0;
    const bool out_of_range = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) ||
                              (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90);
    // A stray continuation byte is no column of its own (SourceText::locate), so it is shown as nothing.
    if (wanted == next - at && !out_of_range && (line[at] == '\t' || !is_control(line[at]))) {
      all.emplace_back(line.substr(at, next - at));
    } else if (!is_continuation(line[at])) {
      all.emplace_back("?");
    }
    at = next;
  }
  return all;
}

std::string_view severity_name(Severity severity) {
  return severity == Severity::error ? "error" : "warning";
}

// Characters of the span on its first line, at least one.
std::size_t marked_characters(const Span& span, const SourceText& source, const LineColumn& begin) {
  if (span.end <= span.begin) return 1;
  const LineColumn end = source.locate(span.end);
  if (end.line == begin.line) return std::max<std::size_t>(1, end.column - begin.column);
  const std::size_t length = characters(source.line(begin.line)).size();
  return length >= begin.column ? length - begin.column + 1 : 1;
}

std::string escape_github(std::string_view text, bool property) {
  std::string escaped;
  for (const char c : text) {
    if (c == '%') {
      escaped += "%25";
    } else if (c == '\r') {
      escaped += "%0D";
    } else if (c == '\n') {
      escaped += "%0A";
    } else if (property && c == ':') {
      escaped += "%3A";
    } else if (property && c == ',') {
      escaped += "%2C";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr std::size_t kEdit = 4;  // the price of an edit; a change of letter case costs 1

std::size_t substitution_cost(char a, char b) {
  return a == b ? 0 : lower(a) == lower(b) ? 1 : kEdit;
}

// Damerau's and Levenshtein's distance (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> cost((a.size() + 1) * width);
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      std::size_t& best = cost[i * width + j];
      if (i == 0 || j == 0) {
        best = (i + j) * kEdit;
        continue;
      }
      best = std::min({cost[(i - 1) * width + j] + kEdit, cost[i * width + j - 1] + kEdit,
                       cost[(i - 1) * width + j - 1] + substitution_cost(a[i - 1], b[j - 1])});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        best = std::min(best, cost[(i - 2) * width + j - 2] + kEdit);
      }
    }
  }
  return cost.back();
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

void Diagnostics::error(std::string code, Span span, std::string message) {
  if (++errors_ > kMostKept) return;
  all_.push_back({Severity::error, std::move(code), span, one_line(std::move(message))});
}

void Diagnostics::warning(std::string code, Span span, std::string message) {
  all_.push_back({Severity::warning, std::move(code), span, one_line(std::move(message))});
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> ordered = all_;
  const auto key = [](const Diagnostic& d) {
    return std::tie(d.span.begin, d.span.end, d.severity, d.code, d.message);
  };
  // Equal places keep the order in which they were found; equal diagnostics need not be neighbours then.
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.span.begin < b.span.begin; });
  std::vector<Diagnostic> once;
  for (Diagnostic& one : ordered) {
    bool seen = false;
    for (auto before = once.rbegin(); before != once.rend() && before->span.begin == one.span.begin; ++before) {
      seen = seen || key(*before) == key(one);
    }
    if (!seen) once.push_back(std::move(one));
  }
  return once;
}

std::string render_text(const Diagnostic& diagnostic, const SourceText& source) {
  const LineColumn place = source.locate(diagnostic.span.begin);
  std::string head = fmt::format("{}:{}:{}: {}[{}]: {}\n", source.name(), place.line, place.column,
                                 severity_name(diagnostic.severity), diagnostic.code, diagnostic.message);
  if (source.text().empty()) return head;  // there is nothing to show
  const std::vector<std::string> line = characters(source.line(place.line));
  const std::size_t column = std::min<std::size_t>(place.column - 1, line.size());
  std::size_t marked = marked_characters(diagnostic.span, source, place);

  std::size_t first = 0;
  std::size_t last = line.size();
  if (line.size() > kLongestLine) {
    first = column > kLongestLine / 3 ? column - kLongestLine / 3 : 0;
    last = std::min(line.size(), first + kLongestLine);
    first = std::min(first, last - kLongestLine);
    marked = std::min(marked, std::max<std::size_t>(1, last - column));
  }
  std::string shown;
  std::string caret;
  if (first > 0) {
    shown += "…";
    caret += ' ';
  }
  for (std::size_t at = first; at < last; ++at) shown += line[at];
  if (last < line.size()) shown += "…";
  for (std::size_t at = first; at < column; ++at) caret += line[at] == "\t" ? '\t' : ' ';
  caret.append(marked, '^');
  return fmt::format("{}{:>5} | {}\n{:>5} | {}\n", head, place.line, shown, "", caret);
}

std::string render_github(const Diagnostic& diagnostic, const SourceText& source) {
  const LineColumn place = source.locate(diagnostic.span.begin);
  const std::size_t end = place.column + marked_characters(diagnostic.span, source, place);
  return fmt::format("::{} file={},line={},col={},endColumn={},title={}::{}\n", severity_name(diagnostic.severity),
                     escape_github(source.name(), true), place.line, place.column, end,
                     escape_github(diagnostic.code, true), escape_github(diagnostic.message, false));
}

std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.empty() || name.size() > kLongestName) return std::nullopt;
  // A third of the letters may be wrong; of a single letter only its case.
  std::size_t best = name.size() == 1 ? 1 : std::max<std::size_t>(1, name.size() / 3) * kEdit;
  std::optional<std::string_view> nearest;
  for (const std::string_view candidate : candidates) {
    const std::size_t longer = std::max(candidate.size(), name.size());
    const std::size_t shorter = std::min(candidate.size(), name.size());
    if (candidate == name || shorter == 0 || (longer - shorter) * kEdit > best) continue;
    const std::size_t found = distance(name, candidate);
    // All letters different is no likeness, however short the names are.
    if (found >= longer * kEdit) continue;
    // Of equally near ones, that which begins alike for longer.
    if (found < best ||
        (found == best && (!nearest || common_prefix(name, candidate) > common_prefix(name, *nearest)))) {
      best = found;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
  const auto nearest = nearest_name(name, candidates);
  if (!nearest) return {};
  const bool other_case = std::equal(name.begin(), name.end(), nearest->begin(), nearest->end(),
                                     [](char a, char b) { return lower(a) == lower(b); });
  return fmt::format("; {}did you mean '{}'?", other_case ? "names are case-sensitive: " : "", *nearest);
}

}  // namespace streamrun
