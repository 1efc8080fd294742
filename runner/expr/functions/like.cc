// LIKE and ILIKE.
#include <memory>

#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

// LIKE: `%` any characters, `_` one, the escape takes `%`, `_` or itself as it is.
struct LikePattern {
  struct Item {
    char kind = 'c';  // c: text, _: one character, %: any
    std::string text;
  };
  std::vector<Item> items;
};

Result<std::shared_ptr<const LikePattern>> compile_like(std::string_view text, std::string_view escape) {
  auto pattern = std::make_shared<LikePattern>();
  const auto literal = [&](std::string_view part) {
    if (pattern->items.empty() || pattern->items.back().kind != 'c') pattern->items.push_back({'c', {}});
    pattern->items.back().text += part;
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view character = text.substr(i, character_at(text, i));
    i += character.size();
    if (character == escape) {
      const std::string_view next = i < text.size() ? text.substr(i, character_at(text, i)) : std::string_view();
      if (next != "%" && next != "_" && next != escape) {
        return failure("bad LIKE pattern '" + std::string(text) + "': '" + std::string(escape) +
                       "' escapes %, _ and itself only");
      }
      literal(next);
      i += next.size();
    } else if (character == "%") {
      if (pattern->items.empty() || pattern->items.back().kind != '%') pattern->items.push_back({'%', {}});
    } else if (character == "_") {
      pattern->items.push_back({'_', {}});
    } else {
      literal(character);
    }
  }
  return std::shared_ptr<const LikePattern>(std::move(pattern));
}

bool like_matches(const std::vector<LikePattern::Item>& items, std::string_view text) {
  std::size_t item = 0, at = 0, retry_item = items.size() + 1, retry_at = 0;
  while (true) {
    if (item < items.size() && items[item].kind == '%') {
      retry_item = ++item;
      retry_at = at;
      if (item == items.size()) return true;
      continue;
    }
    if (item == items.size() && at == text.size()) return true;
    if (item < items.size() && items[item].kind == '_' && at < text.size()) {
      at += character_at(text, at);
      ++item;
      continue;
    }
    if (item < items.size() && items[item].kind == 'c' && text.substr(at).starts_with(items[item].text)) {
      at += items[item].text.size();
      ++item;
      continue;
    }
    if (retry_item > items.size() || retry_at >= text.size()) return false;
    retry_at += character_at(text, retry_at);
    if (items[retry_item].kind == 'c') {  // a text behind `%` can only stand where it occurs
      retry_at = text.find(items[retry_item].text, retry_at);
      if (retry_at == std::string_view::npos) return false;
    }
    at = retry_at;
    item = retry_item;
  }
}

template <bool fold>
Result<std::shared_ptr<const void>> prepare_like(std::span<const ColumnPtr> constants) {
  const auto known = [&](std::size_t i) { return constants[i] != nullptr && !constants[i]->is_null(0); };
  if (constants.size() < 2 || !known(1) || (constants.size() > 2 && !known(2))) return std::shared_ptr<const void>();
  std::string text;
  const std::string_view given = constants[1]->value<StringRef>(0).view();
  if (fold) append_lower(given, text);
  Result<std::shared_ptr<const LikePattern>> pattern =
      compile_like(fold ? std::string_view(text) : given,
                   constants.size() > 2 ? constants[2]->value<StringRef>(0).view() : std::string_view("\\"));
  if (!pattern) return pass_on(pattern);
  return std::shared_ptr<const void>(*std::move(pattern));
}

template <bool fold>
void like(const KernelCall& call) {
  std::uint8_t* out = call.out.values<std::uint8_t>();
  const auto* fixed_pattern = static_cast<const LikePattern*>(call.prepared);
  std::string text, pattern_text;
  call.selection.for_each([&](std::uint32_t row) {
    std::shared_ptr<const LikePattern> made;
    const LikePattern* pattern = fixed_pattern;
    if (pattern == nullptr) {
      pattern_text.clear();
      if (fold) {
        append_lower(text_at(call, 1, row), pattern_text);
      } else {
        pattern_text = text_at(call, 1, row);
      }
      Result<std::shared_ptr<const LikePattern>> compiled =
          compile_like(pattern_text, call.arguments.size() > 2 ? text_at(call, 2, row) : std::string_view("\\"));
      if (!compiled) {
        call.context.errors.add(row, compiled.error().message);
        return;
      }
      made = *std::move(compiled);
      pattern = made.get();
    }
    if (fold) {
      text.clear();
      append_lower(text_at(call, 0, row), text);
      out[row] = like_matches(pattern->items, text) ? 1 : 0;
    } else {
      out[row] = like_matches(pattern->items, text_at(call, 0, row)) ? 1 : 0;
    }
  });
}

}  // namespace

std::vector<Function> like_functions() {
  FunctionList list("Strings");
  const Type text = TypeKind::string, truth = TypeKind::boolean;
  list.add({"like"}, "text like pattern [escape c] -> boolean", "% stands for any characters, _ for one",
           "'abc' like 'a%'", fixed({"like", {text, text, text}, 2, truth, like<false>, true, prepare_like<false>}));
  list.add({"ilike"}, "text ilike pattern [escape c] -> boolean", "like, whatever the letters' case",
           "'ABC' ilike 'a%'", fixed({"ilike", {text, text, text}, 2, truth, like<true>, true, prepare_like<true>}));
  return list.take();
}

}  // namespace streamrun
