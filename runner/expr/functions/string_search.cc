// Finding, comparing and replacing within strings.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <unordered_map>

#include "runner/data/text_value.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

// In linear time, which std::string_view's find is not.
std::size_t find_text(std::string_view text, std::string_view search, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const void* hit = memmem(text.data() + from, text.size() - from, search.data(), search.size());
  return hit == nullptr ? std::string_view::npos
                        : static_cast<std::size_t>(static_cast<const char*>(hit) - text.data());
}

bool replace_of(const KernelCall& call, std::uint32_t row, BoundedText& text) {
  const std::string_view source = text_at(call, 0, row), search = text_at(call, 1, row);
  const std::string_view put = call.arguments.size() > 2 ? text_at(call, 2, row) : std::string_view();
  if (search.empty()) {
    text += source;
    return true;
  }
  std::size_t at = 0;
  for (std::size_t hit; (hit = find_text(source, search, at)) != std::string_view::npos; at = hit + search.size()) {
    if (!text.append(source.substr(at, hit - at)) || !text.append(put)) return true;
  }
  text.append(source.substr(at));
  return true;
}

bool translate_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row), from = text_at(call, 1, row), to = text_at(call, 2, row);
  std::unordered_map<std::string_view, std::string_view> put;
  std::size_t at = 0;
  for (std::size_t i = 0; i < from.size(); i += character_at(from, i)) {
    const std::size_t size = at < to.size() ? character_at(to, at) : 0;
    put.try_emplace(from.substr(i, character_at(from, i)), to.substr(at, size));
    at += size;
  }
  for (std::size_t i = 0; i < source.size(); i += character_at(source, i)) {
    const std::string_view character = source.substr(i, character_at(source, i));
    const auto found = put.find(character);
    text.append(found == put.end() ? character : found->second);
  }
  return true;
}

std::int32_t position_of(std::string_view text, std::string_view search, std::int32_t from) {
  if (from <= 0) return 0;
  if (search.empty()) return 1;
  const std::size_t hit = find_text(text, search, offset_of(text, from - 1));
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

constexpr const char* kPartsFromOne = "split_part counts from 1, not 0";

bool split_part_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row), mark = text_at(call, 1, row);
  const std::int32_t n = value_at<std::int32_t>(call, 2, row);
  if (n == 0) {
    call.context.errors.add(row, kPartsFromOne);
    return true;
  }
  // f(part) for each part in turn, until it is false.
  const auto each_part = [&](auto&& f) {
    std::size_t at = 0;
    if (!mark.empty()) {
      for (std::size_t hit; (hit = find_text(source, mark, at)) != std::string_view::npos; at = hit + mark.size()) {
        if (!f(source.substr(at, hit - at))) return;
      }
    }
    f(source.substr(at));
  };
  std::int64_t wanted = n;
  if (n < 0) {
    each_part([&](std::string_view) {
      ++wanted;
      return true;
    });
    ++wanted;
  }
  each_part([&](std::string_view part) {
    if (--wanted == 0) text = part;
    return wanted > 0;
  });
  return true;
}

std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> out;
  for (std::size_t i = 0; i < text.size(); i += character_at(text, i)) out.push_back(code_point_at(text, i));
  return out;
}

// Edits between two texts, of which only those of at most `most` count: more are said to be most + 1. Only the band of
// the matrix is computed that so many edits reach.
std::int64_t edit_distance(std::span<const char32_t> a, std::span<const char32_t> b, std::int64_t most) {
  const auto n = static_cast<std::int64_t>(a.size()), m = static_cast<std::int64_t>(b.size());
  if (std::abs(n - m) > most) return most + 1;
  std::vector<std::int32_t> line(b.size() + 1);
  const auto far = static_cast<std::int32_t>(std::min<std::int64_t>(most + 1, n + m + 1));
  for (std::int64_t j = 0; j <= m; ++j)
    line[static_cast<std::size_t>(j)] = static_cast<std::int32_t>(std::min<std::int64_t>(j, far));
  for (std::int64_t i = 1; i <= n; ++i) {
    const std::int64_t low = std::max<std::int64_t>(1, i - most), high = std::min(m, i + most);
    std::int32_t corner = line[static_cast<std::size_t>(low - 1)];
    line[static_cast<std::size_t>(low - 1)] =
        low == 1 ? static_cast<std::int32_t>(std::min<std::int64_t>(i, far)) : far;
    for (std::int64_t j = low; j <= high; ++j) {
      const auto at = static_cast<std::size_t>(j);
      const std::int32_t above = j == i + most ? far : line[at];
      const int differs = a[static_cast<std::size_t>(i - 1)] == b[at - 1] ? 0 : 1;
      line[at] = std::min({above + 1, line[at - 1] + 1, corner + differs, far});
      corner = above;
    }
  }
  return line.back();
}

// So many cells of the matrix take about a second.
constexpr std::int64_t kMostCells = 1'000'000'000;

// Where the texts are alike, few edits suffice: the band is doubled until it holds them.
std::optional<std::int64_t> bounded_distance(std::span<const char32_t> a, std::span<const char32_t> b,
                                             std::int64_t most) {
  const auto shorter = static_cast<std::int64_t>(std::min(a.size(), b.size()));
  for (std::int64_t band = 64;; band *= 2) {
    const std::int64_t width = std::min(band, most);
    if (shorter > 0 && std::min(2 * width + 1, static_cast<std::int64_t>(b.size())) >
                           kMostCells / static_cast<std::int64_t>(a.size() + 1))
      return std::nullopt;
    const std::int64_t distance = edit_distance(a, b, width);
    if (distance <= width || width == most) return distance;
  }
}

void levenshtein_kernel(const KernelCall& call) {
  std::int32_t* out = call.out.values<std::int32_t>();
  call.selection.for_each([&](std::uint32_t row) {
    const std::vector<char32_t> a = code_points(text_at(call, 0, row)), b = code_points(text_at(call, 1, row));
    const auto longer = static_cast<std::int64_t>(std::max(a.size(), b.size()));
    const bool limited = call.arguments.size() > 2;
    const std::int64_t limit = limited ? value_at<std::int32_t>(call, 2, row) : longer;
    out[row] = -1;
    if (limit < 0) return;
    const std::int64_t most = std::min(limit, longer);
    const std::optional<std::int64_t> distance = bounded_distance(a, b, most);
    if (!distance) {
      call.context.errors.add(row, "levenshtein of texts of " + std::to_string(a.size()) + " and " +
                                       std::to_string(b.size()) +
                                       " characters takes too long; a third argument bounds it");
    } else if (*distance <= limit) {
      out[row] = static_cast<std::int32_t>(*distance);
    }
  });
}

}  // namespace

std::vector<Function> string_search_functions() {
  FunctionList list("Strings");
  const Type text = TypeKind::string, number = TypeKind::int32, truth = TypeKind::boolean;
  list.add({"split_part"}, "split_part(text, delimiter, n) -> string", "the n-th part, from 1, or from the end",
           "split_part('a.b.c', '.', 2) = 'b'",
           with_check(fixed({"split_part", {text, text, number}, 3, text, string_kernel<split_part_of>, true}),
                      [](const CallTypes& call) { return constant_number(call, 2) == 0 ? kPartsFromOne : nullptr; }));
  list.add({"replace"}, "replace(text, search[, replacement]) -> string", "every occurrence replaced",
           "replace('abcabc', 'b', 'x') = 'axcaxc'",
           fixed({"replace", {text, text, text}, 2, text, string_kernel<replace_of>, true}));
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
           fixed({"levenshtein", {text, text, number}, 2, number, levenshtein_kernel, true}));
  return list.take();
}

}  // namespace streamrun
