#include "runner/base/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace streamrun {
namespace {

constexpr std::size_t kLongestLine = 160;  // characters of a line that are shown
constexpr std::size_t kLongestName = 128;  // of names that are compared
constexpr std::size_t kMostKept = 1000;    // errors; more help nobody

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// The line as characters that a terminal may be shown, one a column: tabs stay.
std::vector<std::string> characters(std::string_view line) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < line.size();) {
    const Utf8Character character = utf8_character(line, at);
    const std::string_view text = line.substr(at, character.length);
    // A stray continuation byte is no column of its own (SourceText::locate), so it is shown as nothing.
    if (character.valid || !is_continuation(line[at])) {
      all.push_back(text == "\t" ? std::string(text) : shown_character(text, character));
    }
    at += character.length;
  }
  return all;
}

// Columns of the terminal, near enough.
std::size_t width(std::string_view character) {
  return static_cast<std::size_t>(
      std::count_if(character.begin(), character.end(), [](char c) { return !is_continuation(c); }));
}

std::string_view severity_name(Severity severity) {
  return severity == Severity::error ? "error" : "warning";
}

// Characters of the span on its first line, at least one.
std::size_t marked_characters(const Span& span, const SourceText& source, const LineColumn& begin) {
  if (span.end <= span.begin) return 1;
  const LineColumn end = source.locate(span.end);
  if (end.line == begin.line) return std::max<std::size_t>(1, end.column - begin.column);
  const std::size_t length = characters(source.line(span.begin)).size();
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

std::size_t substitution_cost(char a, char b) {
  return a == b ? 0 : lower(a) == lower(b) ? 1 : kEdit;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

void Diagnostics::error(std::string code, Span span, std::string message) {
  if (++errors_ > kMostKept) return;
  message = shown_text(message);
  all_.push_back({Severity::error, std::move(code), span, std::move(message)});
}

void Diagnostics::warning(std::string code, Span span, std::string message) {
  message = shown_text(message);
  all_.push_back({Severity::warning, std::move(code), span, std::move(message)});
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> ordered = all_;
  for (Diagnostic& one : ordered) one.message = secrets_.without(one.message);
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
  std::string head = fmt::format("{}: {}[{}]: {}\n", shown_text(source.place(diagnostic.span.begin)),
                                 severity_name(diagnostic.severity), diagnostic.code, diagnostic.message);
  if (source.text().empty()) return head;  // there is nothing to show
  const std::vector<std::string> line = characters(source.line(diagnostic.span.begin));
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
  for (std::size_t at = first; at < column; ++at) {
    line[at] == "\t" ? caret += '\t' : caret.append(width(line[at]), ' ');
  }
  // At least one, behind the line's end too.
  for (std::size_t at = column; at < column + marked; ++at) {
    caret.append(at < line.size() && line[at] != "\t" ? width(line[at]) : 1, '^');
  }
  return fmt::format("{}{:>5} | {}\n{:>5} | {}\n", head, place.line, shown, "", caret);
}

std::string render_github(const Diagnostic& diagnostic, const SourceText& source) {
  const LineColumn place = source.locate(diagnostic.span.begin);
  const std::size_t end = place.column + marked_characters(diagnostic.span, source, place);
  return fmt::format("::{} file={},line={},col={},endColumn={},title={}::{}\n", severity_name(diagnostic.severity),
                     escape_github(shown_text(source.name(diagnostic.span.begin)), true), place.line, place.column, end,
                     escape_github(diagnostic.code, true), escape_github(diagnostic.message, false));
}

// Damerau's and Levenshtein's distance (optimal string alignment).
std::size_t name_distance(std::string_view a, std::string_view b) {
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

std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.empty() || name.size() > kLongestName) return std::nullopt;
  // A third of the letters may be wrong; of a single letter only its case.
  std::size_t best = name.size() == 1 ? 1 : std::max<std::size_t>(1, name.size() / 3) * kEdit;
  std::optional<std::string_view> nearest;
  for (const std::string_view candidate : candidates) {
    const std::size_t longer = std::max(candidate.size(), name.size());
    const std::size_t shorter = std::min(candidate.size(), name.size());
    if (candidate == name || shorter == 0 || (longer - shorter) * kEdit > best) continue;
    const std::size_t found = name_distance(name, candidate);
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
