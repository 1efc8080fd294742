#include "runner/operator/sort_binding.h"

#include <fmt/format.h>

#include <cctype>
#include <string_view>

namespace streamrun {
namespace {

// The last word of `text`, in lower case, and where it begins; empty where it is the only one.
std::string_view last_word(std::string_view text, std::string& lower) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  const std::size_t blank = text.find_last_of(" \t\n");
  if (blank == std::string_view::npos) return {};
  const std::string_view word = text.substr(blank + 1);
  lower.clear();
  for (const char c : word) lower.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  return word;
}

// Cuts `amount desc nulls last` to `amount`.
std::string_view cut_direction(std::string_view text, Direction& direction) {
  std::string word;
  const auto rest = [&](std::string_view found) {
    return text.substr(0, static_cast<std::size_t>(found.data() - text.data()));
  };
  std::optional<bool> nulls_last;
  if (const auto found = last_word(text, word); word == "first" || word == "last") {
    const bool last = word == "last";
    if (const auto nulls = last_word(rest(found), word); !nulls.empty() && word == "nulls") {
      nulls_last = last;
      text = rest(nulls);
    }
  }
  word.clear();
  if (const auto found = last_word(text, word); word == "asc" || word == "desc") {
    direction.descending = word == "desc";
    text = rest(found);
  }
  direction.nulls_last = nulls_last.value_or(direction.descending);
  return text;
}

// False, and a diagnostic: `text`, which has no direction at its end, ends in `nulls` or `nulls some-word`.
bool check_nulls(const BindContext& context, const SortKey& key, std::string_view text) {
  if (context.inputs[0]->find("nulls")) return true;
  std::string word;
  for (std::size_t words = 0; words < 2; ++words) {
    const std::string_view found = last_word(text, word);
    if (found.empty()) return true;
    const auto at = static_cast<std::uint32_t>(found.data() - key.text.value().data());
    if (word == "nulls") {
      context.diagnostics.error("syntax", key.text.span(at, at + static_cast<std::uint32_t>(found.size())),
                                "`nulls` has no place; write nulls first or nulls last");
      return false;
    }
    text = text.substr(0, static_cast<std::size_t>(found.data() - text.data()));
  }
  return true;
}

bool has_order(const Type& type) {
  if (type.kind() == TypeKind::map || type.kind() == TypeKind::variant) return false;
  for (const Field& field : type.fields()) {
    if (!has_order(field.type)) return false;
  }
  return true;
}

}  // namespace

bool Codec<SortKey>::decode(const SyntaxNode& node, SortKey& out, DecodeContext& context) {
  ExprText expression;
  if (!Codec<ExprText>::decode(node, expression, context)) return false;
  out.text = expression.text;
  return true;
}

std::optional<SortBinding> bind_sort_keys(const BindContext& context, const std::vector<SortKey>& keys) {
  if (keys.empty()) {
    context.diagnostics.error("empty-key", context.place, "`by` has at least one expression");
    return std::nullopt;
  }
  SortBinding made;
  bool good = true;
  for (const SortKey& key : keys) {
    Direction direction;
    const std::string_view text = cut_direction(key.text.value(), direction);
    std::string word;
    if (const auto found = last_word(text, word); word == "descending" || word == "ascending") {
      const auto at = static_cast<std::uint32_t>(found.data() - text.data());
      context.diagnostics.error(
          "syntax", key.text.span(at, at + static_cast<std::uint32_t>(found.size())),
          fmt::format("'{}' is no direction; write {}", found, word == "descending" ? "desc" : "asc"));
      good = false;
      continue;
    }
    if (!check_nulls(context, key, text)) {
      good = false;
      continue;
    }
    const auto size = static_cast<std::uint32_t>(text.size());
    auto compiled = compile_expression(LocatedText(std::string(text), key.text.span(0, size)), context.scope(),
                                       context.diagnostics);
    good = good && compiled.has_value();
    if (!compiled) continue;
    if (!has_order(compiled->type())) {
      context.diagnostics.error("type-mismatch", key.text.whole(),
                                fmt::format("values of type {} have no order", compiled->type().name()));
      good = false;
    }
    made.can_fail = made.can_fail || compiled->can_fail();
    made.keys.push_back(std::move(*compiled));
    made.directions.push_back(direction);
    made.text += (made.text.empty() ? "" : ", ") + key.text.value();
  }
  if (!good) return std::nullopt;
  return made;
}

}  // namespace streamrun
