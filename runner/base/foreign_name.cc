#include "runner/base/foreign_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runner/base/diagnostic.h"

namespace streamrun {

std::string_view find_foreign(std::string_view name, std::span<const ForeignName> known) {
  std::string plain;
  for (const char c : name) {
    if (c != '_' && c != '-') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const auto found = std::ranges::find(known, std::string_view(plain), &ForeignName::theirs);
  return found == known.end() ? std::string_view() : found->ours;
}

std::string name_hint(std::string_view name, std::span<const ForeignName> known,
                      std::span<const std::string_view> candidates) {
  const std::string_view ours = find_foreign(name, known);
  return ours.empty() ? did_you_mean(name, candidates) : fmt::format("; write {}", ours);
}

std::optional<FalseBlank> find_false_blank(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kBlanks[] = {
      {"\u00A0", "U+00A0"}, {"\u2002", "U+2002"}, {"\u2003", "U+2003"}, {"\u2007", "U+2007"}, {"\u2009", "U+2009"},
      {"\u200B", "U+200B"}, {"\u202F", "U+202F"}, {"\u2060", "U+2060"}, {"\u3000", "U+3000"}, {"\uFEFF", "U+FEFF"}};
  std::optional<FalseBlank> first;
  for (const auto& [blank, code] : kBlanks) {
    const std::size_t at = text.find(blank);
    if (at != std::string_view::npos && (!first || at < first->at)) first = FalseBlank{at, blank.size(), code};
  }
  return first;
}

std::string false_blank_hint(std::string_view name) {
  const auto found = find_false_blank(name);
  if (!found) return {};
  return fmt::format("; it holds the character {}, which looks like a blank and is none: write a plain one",
                     found->code);
}

std::string unnamed_expression_hint(std::string_view name) {
  if (name == "*") return "; all columns are '*': true, in a mapping";
  if (name.find_first_of("(+*/|<>=:[") == std::string_view::npos) return {};
  return fmt::format("; an expression has a name before it: {{name: \"{}\"}}", name);
}

}  // namespace streamrun
