#include "runner/base/foreign_name.h"

#include <fmt/format.h>

#include <algorithm>

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

std::string unnamed_expression_hint(std::string_view name) {
  if (name == "*") return "; all columns are '*': true, in a mapping";
  if (name.find_first_of("(+*/|<>=:[") == std::string_view::npos) return {};
  return fmt::format("; an expression has a name before it: {{name: \"{}\"}}", name);
}

}  // namespace streamrun
