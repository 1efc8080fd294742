// Parts, cases and paddings of strings. Characters are code points; bytes count where a function takes binary.
#include <unicode/uchar.h>

#include <algorithm>
#include <limits>

#include "runner/data/text_value.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

// f(call, row) gives a part of argument 0's text: nothing is copied.
template <auto f>
void part_kernel(const KernelCall& call) {
  StringRef* out = call.out.values<StringRef>();
  call.out.keep_heaps_of(*call.arguments[0]);
  call.selection.for_each([&](std::uint32_t row) { out[row] = StringRef(f(call, row)); });
}

constexpr std::int64_t kWhole = std::numeric_limits<std::int32_t>::max();
bool binary_argument(const KernelCall& call) {
  return call.arguments[0]->type().kind() == TypeKind::binary;
}

constexpr auto substring = [](const KernelCall& call, std::uint32_t row) {
  const std::int64_t length = call.arguments.size() > 2 ? value_at<std::int32_t>(call, 2, row) : kWhole;
  return substring_of(text_at(call, 0, row), binary_argument(call), value_at<std::int32_t>(call, 1, row), length);
};
constexpr auto left = [](const KernelCall& call, std::uint32_t row) {
  return substring_of(text_at(call, 0, row), binary_argument(call), 1,
                      std::max(0, value_at<std::int32_t>(call, 1, row)));
};
constexpr auto right = [](const KernelCall& call, std::uint32_t row) {
  const std::int32_t n = value_at<std::int32_t>(call, 1, row);
  const std::string_view text = text_at(call, 0, row);
  return n <= 0 ? text.substr(0, 0) : substring_of(text, binary_argument(call), -std::int64_t{n}, kWhole);
};

void length_kernel(const KernelCall& call) {
  std::int32_t* out = call.out.values<std::int32_t>();
  const bool binary = binary_argument(call);
  for_each_value<StringRef>(call, call.arguments[0], [&](const StringRef& a, std::uint32_t row) {
    out[row] = static_cast<std::int32_t>(binary ? a.size() : count_characters(a.view()));
  });
}

bool lower_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  append_lower(text_at(call, 0, row), text);
  return true;
}
bool upper_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  append_upper(text_at(call, 0, row), text);
  return true;
}
bool initcap_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  std::string lower;
  append_lower(text_at(call, 0, row), lower);
  bool start = true;
  for (std::size_t i = 0; i < lower.size(); i += character_at(lower, i)) {
    const char32_t c = code_point_at(lower, i);
    append_code_point(start ? static_cast<char32_t>(u_totitle(static_cast<UChar32>(c))) : c, text);
    start = c == U' ';
  }
  return true;
}

// Which ends are trimmed; `set` counts by characters.
template <bool front, bool back>
std::string_view trimmed(std::string_view text, std::string_view set) {
  if (set.size() == 1) {
    if (front)
      while (!text.empty() && text.front() == set[0]) text.remove_prefix(1);
    if (back)
      while (!text.empty() && text.back() == set[0]) text.remove_suffix(1);
    return text;
  }
  const auto in_set = [&](std::string_view character) {
    for (std::size_t i = 0; i < set.size(); i += character_at(set, i)) {
      if (set.substr(i, character_at(set, i)) == character) return true;
    }
    return false;
  };
  if (front) {
    while (!text.empty() && in_set(text.substr(0, character_at(text, 0)))) text.remove_prefix(character_at(text, 0));
  }
  if (back) {
    while (!text.empty()) {
      const std::size_t begin = last_character(text);
      if (!in_set(text.substr(begin))) break;
      text.remove_suffix(text.size() - begin);
    }
  }
  return text;
}
template <bool front, bool back, std::size_t source>
void trim_kernel(const KernelCall& call) {
  StringRef* out = call.out.values<StringRef>();
  const bool given = call.arguments.size() > 1;
  const std::size_t at = given ? source : 0;
  call.out.keep_heaps_of(*call.arguments[at]);
  call.selection.for_each([&](std::uint32_t row) {
    const std::string_view text = text_at(call, at, row);
    out[row] = StringRef(trimmed<front, back>(text, given ? text_at(call, 1 - source, row) : std::string_view(" ")));
  });
}

bool repeat_of(const KernelCall& call, std::uint32_t row, BoundedText& text) {
  const std::int32_t count = std::max(0, value_at<std::int32_t>(call, 1, row));
  text.append_times(text_at(call, 0, row), static_cast<std::uint64_t>(count));
  return true;
}

template <bool left_side>
bool pad_of(const KernelCall& call, std::uint32_t row, BoundedText& text) {
  const bool binary = binary_argument(call);
  const std::string_view source = text_at(call, 0, row);
  const std::string_view fill = call.arguments.size() > 2 ? text_at(call, 2, row)
                                : binary                  ? std::string_view("\0", 1)
                                                          : std::string_view(" ");
  const std::int64_t wanted = std::max(0, value_at<std::int32_t>(call, 1, row));
  const std::int64_t have = binary ? static_cast<std::int64_t>(source.size()) : count_characters(source);
  if (have >= wanted || fill.empty()) {
    text += substring_of(source, binary, 1, wanted);
    return true;
  }
  if (!left_side) text += source;
  const std::int64_t unit = binary ? static_cast<std::int64_t>(fill.size()) : count_characters(fill);
  const std::int64_t missing = wanted - have;
  text.append_times(fill, static_cast<std::uint64_t>(missing / unit));
  text += substring_of(fill, binary, 1, missing % unit);
  if (left_side) text += source;
  return true;
}

}  // namespace

std::vector<Function> string_functions() {
  FunctionList list("Strings");
  const Type text = TypeKind::string, number = TypeKind::int32;
  list.add({"length", "char_length", "character_length", "len"}, "length(text) -> int",
           "characters of a text, bytes of a binary", "length('abc') = 3",
           text_or_binary("length", {}, 1, false, number, length_kernel));
  list.add({"lower", "lcase"}, "lower(text) -> string", "in lower case", "lower('ABC') = 'abc'",
           fixed({"lower", {text}, 1, text, string_kernel<lower_of>}));
  list.add({"upper", "ucase"}, "upper(text) -> string", "in upper case", "upper('abc') = 'ABC'",
           fixed({"upper", {text}, 1, text, string_kernel<upper_of>}));
  list.add({"initcap"}, "initcap(text) -> string", "each word with a capital", "initcap('ab cd') = 'Ab Cd'",
           fixed({"initcap", {text}, 1, text, string_kernel<initcap_of>}));
  list.add({"trim"}, "trim([characters,] text) -> string", "without blanks, or characters, at both ends",
           "trim(' a ') = 'a'", fixed({"trim", {text, text}, 1, text, trim_kernel<true, true, 1>}));
  list.add({"ltrim"}, "ltrim([characters,] text) -> string", "without blanks, or characters, at the start",
           "ltrim(' a') = 'a'", fixed({"ltrim", {text, text}, 1, text, trim_kernel<true, false, 1>}));
  list.add({"rtrim"}, "rtrim([characters,] text) -> string", "without blanks, or characters, at the end",
           "rtrim('a ') = 'a'", fixed({"rtrim", {text, text}, 1, text, trim_kernel<false, true, 1>}));
  list.add({"btrim"}, "btrim(text[, characters]) -> string", "without blanks, or characters, at both ends",
           "btrim('xax', 'x') = 'a'", fixed({"btrim", {text, text}, 1, text, trim_kernel<true, true, 0>}));
  list.add({"substring", "substr"}, "substring(text, start[, length]) -> string", "a part, from 1, or from the end",
           "substring('hello', 2, 3) = 'ell'",
           text_or_binary("substring", {number, number}, 2, true, text, part_kernel<substring>));
  list.add({"left"}, "left(text, n) -> string", "the first n characters", "left('hello', 2) = 'he'",
           text_or_binary("left", {number}, 2, true, text, part_kernel<left>));
  list.add({"right"}, "right(text, n) -> string", "the last n characters", "right('hello', 2) = 'lo'",
           fixed({"right", {text, number}, 2, text, part_kernel<right>}));
  list.add({"repeat"}, "repeat(text, n) -> string", "the text n times", "repeat('ab', 2) = 'abab'",
           fixed({"repeat", {text, number}, 2, text, string_kernel<repeat_of>, true}));
  list.add({"lpad"}, "lpad(text, length[, fill]) -> string", "filled or cut to a length, at the left",
           "lpad('7', 3, '0') = '007'",
           text_or_binary("lpad", {number, text}, 2, true, text, string_kernel<pad_of<true>>, true));
  list.add({"rpad"}, "rpad(text, length[, fill]) -> string", "filled or cut to a length, at the right",
           "rpad('a', 3, '.') = 'a..'",
           text_or_binary("rpad", {number, text}, 2, true, text, string_kernel<pad_of<false>>, true));
  return list.take();
}

}  // namespace streamrun
