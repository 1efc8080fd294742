// Finding, comparing and replacing within strings.
#include <algorithm>
#include <array>
#include <cstring>

#include "runner/data/text_value.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

bool replace_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row), search = text_at(call, 1, row);
  const std::string_view put = call.arguments.size() > 2 ? text_at(call, 2, row) : std::string_view();
  if (search.empty()) {
    text = source;
    return true;
  }
  std::size_t at = 0;
  for (std::size_t hit; (hit = source.find(search, at)) != std::string_view::npos; at = hit + search.size()) {
    text.append(source.substr(at, hit - at)).append(put);
  }
  text.append(source.substr(at));
  return true;
}

bool translate_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row), from = text_at(call, 1, row), to = text_at(call, 2, row);
  for (std::size_t i = 0; i < source.size();) {
    const std::size_t n = character_at(source, i);
    const std::string_view character = source.substr(i, n);
    i += n;
    std::int64_t place = 0;
    bool found = false;
    for (std::size_t j = 0; j < from.size(); j += character_at(from, j), ++place) {
      if (from.substr(j, character_at(from, j)) != character) continue;
      found = true;
      const std::size_t at = offset_of(to, place);
      if (at < to.size()) text.append(to.substr(at, character_at(to, at)));
      break;
    }
    if (!found) text.append(character);
  }
  return true;
}

std::int32_t position_of(std::string_view text, std::string_view search, std::int32_t from) {
  if (from <= 0) return 0;
  if (search.empty()) return 1;
  const std::size_t hit = text.find(search, offset_of(text, from - 1));
  return hit == std::string_view::npos ? 0 : static_cast<std::int32_t>(count_characters(text.substr(0, hit)) + 1);
}
constexpr auto instr = [](const StringRef& a, const StringRef& b) { return position_of(a.view(), b.view(), 1); };
void locate_kernel(const KernelCall& call) {
  std::int32_t* out = call.out.values<std::int32_t>();
  call.selection.for_each([&](std::uint32_t row) {
    out[row] = position_of(text_at(call, 1, row), text_at(call, 0, row),
                           call.arguments.size() > 2 ? value_at<std::int32_t>(call, 2, row) : 1);
  });
}
constexpr auto contains = [](const StringRef& a, const StringRef& b) {
  return b.size() == 0 || (a.size() >= b.size() && memmem(a.data(), a.size(), b.data(), b.size()) != nullptr);
};
constexpr auto starts_with = [](const StringRef& a, const StringRef& b) { return a.view().starts_with(b.view()); };
constexpr auto ends_with = [](const StringRef& a, const StringRef& b) { return a.view().ends_with(b.view()); };
constexpr auto ascii = [](const StringRef& a) {
  return a.size() == 0 ? 0 : static_cast<std::int32_t>(code_point_at(a.view(), 0));
};
bool chr_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::int64_t n = value_at<std::int64_t>(call, 0, row);
  if (n >= 0) append_code_point(static_cast<char32_t>(n & 0xFF), text);
  return true;
}

bool split_part_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row), mark = text_at(call, 1, row);
  std::int32_t n = value_at<std::int32_t>(call, 2, row);
  if (n == 0) {
    call.context.errors.add(row, "split_part counts from 1, not 0");
    return true;
  }
  std::vector<std::string_view> parts;
  std::size_t at = 0;
  if (!mark.empty()) {
    for (std::size_t hit; (hit = source.find(mark, at)) != std::string_view::npos; at = hit + mark.size()) {
      parts.push_back(source.substr(at, hit - at));
    }
  }
  parts.push_back(source.substr(at));
  const auto count = static_cast<std::int32_t>(parts.size());
  if (n < 0) n += count + 1;
  if (n >= 1 && n <= count) text = parts[static_cast<std::size_t>(n - 1)];
  return true;
}

void levenshtein_kernel(const KernelCall& call) {
  std::int32_t* out = call.out.values<std::int32_t>();
  call.selection.for_each([&](std::uint32_t row) {
    std::vector<char32_t> a, b;
    for (std::size_t i = 0; i < text_at(call, 0, row).size(); i += character_at(text_at(call, 0, row), i)) {
      a.push_back(code_point_at(text_at(call, 0, row), i));
    }
    for (std::size_t i = 0; i < text_at(call, 1, row).size(); i += character_at(text_at(call, 1, row), i)) {
      b.push_back(code_point_at(text_at(call, 1, row), i));
    }
    std::vector<std::int32_t> line(b.size() + 1);
    for (std::size_t j = 0; j < line.size(); ++j) line[j] = static_cast<std::int32_t>(j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
      std::int32_t corner = line[0];
      line[0] = static_cast<std::int32_t>(i);
      for (std::size_t j = 1; j <= b.size(); ++j) {
        const std::int32_t above = line[j];
        line[j] = std::min({above + 1, line[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
        corner = above;
      }
    }
    out[row] = line.back();
    if (call.arguments.size() > 2 && line.back() > value_at<std::int32_t>(call, 2, row)) out[row] = -1;
  });
}

}  // namespace

std::vector<Function> string_search_functions() {
  FunctionList list("Strings");
  const Type text = TypeKind::string, number = TypeKind::int32, truth = TypeKind::boolean;
  list.add({"split_part"}, "split_part(text, delimiter, n) -> string", "the n-th part, from 1, or from the end",
           "split_part('a.b.c', '.', 2) = 'b'",
           fixed({"split_part", {text, text, number}, 3, text, string_kernel<split_part_of>, true}));
  list.add({"replace"}, "replace(text, search[, replacement]) -> string", "every occurrence replaced",
           "replace('abcabc', 'b', 'x') = 'axcaxc'",
           fixed({"replace", {text, text, text}, 2, text, string_kernel<replace_of>}));
  list.add({"translate"}, "translate(text, from, to) -> string", "characters replaced one by one",
           "translate('abc', 'ab', '12') = '12c'",
           fixed({"translate", {text, text, text}, 3, text, string_kernel<translate_of>}));
  list.add({"instr"}, "instr(text, search) -> int", "the first place, from 1; 0: none", "instr('hello', 'l') = 3",
           fixed({"instr", {text, text}, 2, number, binary<std::int32_t, StringRef, StringRef, instr>}));
  list.add({"locate", "position"}, "locate(search, text[, from]) -> int", "the first place from a place on; 0: none",
           "locate('l', 'hello', 4) = 4", fixed({"locate", {text, text, number}, 2, number, locate_kernel}));
  list.add({"contains"}, "contains(text, search) -> boolean", "whether search occurs in text",
           "contains('hello', 'ell')",
           text_or_binary("contains", {text}, 2, false, truth, binary<std::uint8_t, StringRef, StringRef, contains>));
  list.add(
      {"startswith"}, "startswith(text, prefix) -> boolean", "whether text begins so", "startswith('hello', 'he')",
      text_or_binary("startswith", {text}, 2, false, truth, binary<std::uint8_t, StringRef, StringRef, starts_with>));
  list.add({"endswith"}, "endswith(text, suffix) -> boolean", "whether text ends so", "endswith('hello', 'lo')",
           text_or_binary("endswith", {text}, 2, false, truth, binary<std::uint8_t, StringRef, StringRef, ends_with>));
  list.add({"ascii"}, "ascii(text) -> int", "the code of the first character", "ascii('A') = 65",
           fixed({"ascii", {text}, 1, number, unary<std::int32_t, StringRef, ascii>}));
  list.add({"chr", "char"}, "chr(n) -> string", "the character of a code, modulo 256", "chr(65) = 'A'",
           fixed({"chr", {TypeKind::int64}, 1, text, string_kernel<chr_of>}));
  list.add({"levenshtein"}, "levenshtein(a, b[, most]) -> int", "edits between two texts; -1: more than most",
           "levenshtein('kitten', 'sitting') = 3",
           fixed({"levenshtein", {text, text, number}, 2, number, levenshtein_kernel}));
  return list.take();
}

}  // namespace streamrun
