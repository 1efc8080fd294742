// Functions of strings. Characters are code points; bytes count where a function takes binary.
#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "runner/data/text_value.h"
#include "runner/expr/coercion.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

std::uint32_t count_characters(std::string_view text) {
  std::uint32_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
  return n;
}

namespace {

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; });
}
void append_utf8(char32_t c, std::string& out) {
  const auto byte = [&](char32_t b) { out.push_back(static_cast<char>(static_cast<unsigned char>(b))); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | (c >> 6));
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | (c >> 12));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | (c >> 18));
    byte(0x80 | ((c >> 12) & 0x3F));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}
char32_t decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<char32_t>(static_cast<unsigned char>(text[at + i])) : 0;
  };
  switch (character_length(text[at])) {
    case 1: return byte(0);
    case 2: return ((byte(0) & 0x1F) << 6) | (byte(1) & 0x3F);
    case 3: return ((byte(0) & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F);
    default: return ((byte(0) & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F);
  }
}
icu::UnicodeString unicode(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

// Byte offset of character `n` (from 0), or the end.
std::size_t offset_of(std::string_view text, std::int64_t n) {
  std::size_t at = 0;
  while (n > 0 && at < text.size()) {
    at += character_at(text, at);
    --n;
  }
  return at;
}

// Spark's substring: from 1, 0 is 1, negative from the end; what lies before the start eats length.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
Range substring_range(std::int64_t size, std::int64_t position, std::int64_t length) {
  const std::int64_t begin = position > 0 ? position - 1 : position < 0 ? size + position : 0;
  const std::int64_t end = length < 0 ? begin : begin + length;
  return {std::clamp<std::int64_t>(begin, 0, size), std::clamp<std::int64_t>(end, 0, size)};
}

std::string_view cut(std::string_view text, bool binary, std::int64_t position, std::int64_t length) {
  if (binary || is_ascii(text)) {
    const Range r = substring_range(static_cast<std::int64_t>(text.size()), position, length);
    return text.substr(static_cast<std::size_t>(r.begin),
                       static_cast<std::size_t>(std::max<std::int64_t>(r.end - r.begin, 0)));
  }
  const Range r = substring_range(count_characters(text), position, length);
  const std::size_t begin = offset_of(text, r.begin);
  return text.substr(begin, offset_of(text.substr(begin), r.end - r.begin));
}

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
  return cut(text_at(call, 0, row), binary_argument(call), value_at<std::int32_t>(call, 1, row), length);
};
constexpr auto left = [](const KernelCall& call, std::uint32_t row) {
  return cut(text_at(call, 0, row), binary_argument(call), 1, std::max(0, value_at<std::int32_t>(call, 1, row)));
};
constexpr auto right = [](const KernelCall& call, std::uint32_t row) {
  const std::int32_t n = value_at<std::int32_t>(call, 1, row);
  const std::string_view text = text_at(call, 0, row);
  return n <= 0 ? text.substr(0, 0) : cut(text, binary_argument(call), -std::int64_t{n}, kWhole);
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
    const char32_t c = decode(lower, i);
    append_utf8(start ? static_cast<char32_t>(u_totitle(static_cast<UChar32>(c))) : c, text);
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
      std::size_t begin = text.size() - 1;
      while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
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

bool repeat_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row);
  for (std::int32_t n = value_at<std::int32_t>(call, 1, row); n > 0 && text.size() < (1U << 30); --n) text += source;
  return true;
}

bool reverse_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row);
  for (std::size_t end = source.size(); end > 0;) {
    std::size_t begin = end - 1;
    while (begin > 0 && (static_cast<unsigned char>(source[begin]) & 0xC0U) == 0x80U) --begin;
    text.append(source.substr(begin, end - begin));
    end = begin;
  }
  return true;
}

template <bool left_side>
bool pad_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const bool binary = binary_argument(call);
  const std::string_view source = text_at(call, 0, row);
  const std::string_view fill = call.arguments.size() > 2 ? text_at(call, 2, row)
                                : binary                  ? std::string_view("\0", 1)
                                                          : std::string_view(" ");
  const std::int64_t wanted = std::max(0, value_at<std::int32_t>(call, 1, row));
  const std::int64_t have = binary ? static_cast<std::int64_t>(source.size()) : count_characters(source);
  if (have >= wanted || fill.empty()) {
    text = cut(source, binary, 1, wanted);
    return true;
  }
  if (!left_side) text = source;
  const std::int64_t unit = binary ? static_cast<std::int64_t>(fill.size()) : count_characters(fill);
  std::int64_t missing = wanted - have;
  for (; missing >= unit; missing -= unit) text += fill;
  text += cut(fill, binary, 1, missing);
  if (left_side) text += source;
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
  return a.size() == 0 ? 0 : static_cast<std::int32_t>(decode(a.view(), 0));
};
bool chr_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::int64_t n = value_at<std::int64_t>(call, 0, row);
  if (n >= 0) append_utf8(static_cast<char32_t>(n & 0xFF), text);
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
      a.push_back(decode(text_at(call, 0, row), i));
    }
    for (std::size_t i = 0; i < text_at(call, 1, row).size(); i += character_at(text_at(call, 1, row), i)) {
      b.push_back(decode(text_at(call, 1, row), i));
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

bool concat_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  for (std::size_t i = 0; i < call.arguments.size(); ++i) text += text_at(call, i, row);
  return true;
}
void concat_arrays(const KernelCall& call) {
  ListRef* out = call.out.values<ListRef>();
  ColumnBuilder builder(call.out.type().element());
  call.selection.for_each([&](std::uint32_t row) {
    const std::uint32_t first = builder.rows();
    for (const ColumnPtr& argument : call.arguments) {
      const ListRef& list = argument->value<ListRef>(row);
      for (std::uint32_t i = 0; i < list.length; ++i) builder.append(*argument->children[0], list.offset + i);
    }
    out[row] = {first, builder.rows() - first};
  });
  call.out.children = {builder.finish()};
}
bool concat_ws_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  if (call.arguments[0]->is_null(row)) return false;
  const std::string_view mark = text_at(call, 0, row);
  bool first = true;
  const auto add = [&](std::string_view part) {
    if (!first) text += mark;
    first = false;
    text += part;
  };
  for (std::size_t i = 1; i < call.arguments.size(); ++i) {
    const Column& argument = *call.arguments[i];
    if (argument.is_null(row)) continue;
    if (argument.type().kind() == TypeKind::string) {
      add(text_at(call, i, row));
      continue;
    }
    const ListRef& list = argument.value<ListRef>(row);
    const Column& elements = *argument.children[0];
    for (std::uint32_t e = list.offset; e < list.offset + list.length; ++e) {
      if (!elements.is_null(e)) add(elements.value<StringRef>(e).view());
    }
  }
  return true;
}

Result<ResolvedCall> resolve_concat_ws(const CallTypes& call) {
  const Result<> count = check_count("concat_ws", call, 1, std::string::npos);
  if (!count) return pass_on(count);
  std::vector<Type> arguments;
  for (std::size_t i = 0; i < call.types.size(); ++i) {
    const Type& type = call.types[i];
    if (i > 0 && type.kind() == TypeKind::array) {
      arguments.push_back(Type::array(TypeKind::string));
    } else if (coercible(type, TypeKind::string)) {
      arguments.push_back(TypeKind::string);
    } else {
      return failure(wrong_type("concat_ws", i, type, "string or array<string>"));
    }
  }
  return call_of(std::move(arguments), TypeKind::string, string_kernel<concat_ws_of>, false, NullRule::kernel);
}

// A function of text that takes binary as it is: the result is of the same kind where `keep` is set.
TypeRule text_or_binary(std::string_view name, std::vector<Type> others, std::size_t required, bool keep, Type result,
                        Kernel kernel) {
  return [=](const CallTypes& call) -> Result<ResolvedCall> {
    const bool binary = !call.types.empty() && call.types[0].kind() == TypeKind::binary;
    const Type text = binary ? TypeKind::binary : TypeKind::string;
    std::vector<Type> parameters{text};
    for (const Type& other : others) {
      parameters.push_back(other.kind() == TypeKind::string && binary ? Type(TypeKind::binary) : other);
    }
    return fixed({std::string(name), parameters, required, keep ? text : result, kernel})(call);
  };
}

}  // namespace

void append_lower(std::string_view text, std::string& out) {
  if (is_ascii(text)) {
    for (const char c : text) out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    return;
  }
  unicode(text).toLower(icu::Locale::getRoot()).toUTF8String(out);
}
void append_upper(std::string_view text, std::string& out) {
  if (is_ascii(text)) {
    for (const char c : text) out.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
    return;
  }
  unicode(text).toUpper(icu::Locale::getRoot()).toUTF8String(out);
}

Result<ResolvedCall> resolve_concat(const CallTypes& call) {
  bool arrays = false, all_binary = !call.types.empty();
  for (const Type& type : call.types) {
    arrays = arrays || type.kind() == TypeKind::array;
    all_binary = all_binary && type.kind() == TypeKind::binary;
  }
  if (arrays) {
    const Result<Type> common = common_type(call.types);
    if (!common) return pass_on(common);
    if (common->kind() != TypeKind::array) return failure("arrays join arrays only");
    return call_of(std::vector<Type>(call.types.size(), *common), *common, concat_arrays);
  }
  const Type text = all_binary ? TypeKind::binary : TypeKind::string;
  for (std::size_t i = 0; i < call.types.size(); ++i) {
    if (!coercible(call.types[i], text) && call.types[i].kind() != TypeKind::binary) {
      return failure(wrong_type("concat", i, call.types[i], text.name()));
    }
  }
  return call_of(std::vector<Type>(call.types.size(), text), text, string_kernel<concat_of>);
}

void add_encodings(std::vector<Function>& list);

std::vector<Function> string_functions() {
  std::vector<Function> list;
  const Type text = TypeKind::string, number = TypeKind::int32, truth = TypeKind::boolean;
  const auto add = [&](std::vector<std::string_view> names, std::string_view signature, std::string_view summary,
                       std::string_view example, TypeRule rule) {
    list.push_back({std::move(names), "Strings", signature, summary, example, FunctionKind::scalar, std::move(rule)});
  };
  add({"length", "char_length", "character_length", "len"}, "length(text) -> int",
      "characters of a text, bytes of a binary", "length('abc') = 3",
      text_or_binary("length", {}, 1, false, number, length_kernel));
  add({"lower", "lcase"}, "lower(text) -> string", "in lower case", "lower('ABC') = 'abc'",
      fixed({"lower", {text}, 1, text, string_kernel<lower_of>}));
  add({"upper", "ucase"}, "upper(text) -> string", "in upper case", "upper('abc') = 'ABC'",
      fixed({"upper", {text}, 1, text, string_kernel<upper_of>}));
  add({"initcap"}, "initcap(text) -> string", "each word with a capital", "initcap('ab cd') = 'Ab Cd'",
      fixed({"initcap", {text}, 1, text, string_kernel<initcap_of>}));
  add({"trim"}, "trim([characters,] text) -> string", "without blanks, or characters, at both ends",
      "trim(' a ') = 'a'", fixed({"trim", {text, text}, 1, text, trim_kernel<true, true, 1>}));
  add({"ltrim"}, "ltrim([characters,] text) -> string", "without blanks, or characters, at the start",
      "ltrim(' a') = 'a'", fixed({"ltrim", {text, text}, 1, text, trim_kernel<true, false, 1>}));
  add({"rtrim"}, "rtrim([characters,] text) -> string", "without blanks, or characters, at the end",
      "rtrim('a ') = 'a'", fixed({"rtrim", {text, text}, 1, text, trim_kernel<false, true, 1>}));
  add({"btrim"}, "btrim(text[, characters]) -> string", "without blanks, or characters, at both ends",
      "btrim('xax', 'x') = 'a'", fixed({"btrim", {text, text}, 1, text, trim_kernel<true, true, 0>}));
  add({"substring", "substr"}, "substring(text, start[, length]) -> string", "a part, from 1, or from the end",
      "substring('hello', 2, 3) = 'ell'",
      text_or_binary("substring", {number, number}, 2, true, text, part_kernel<substring>));
  add({"left"}, "left(text, n) -> string", "the first n characters", "left('hello', 2) = 'he'",
      text_or_binary("left", {number}, 2, true, text, part_kernel<left>));
  add({"right"}, "right(text, n) -> string", "the last n characters", "right('hello', 2) = 'lo'",
      fixed({"right", {text, number}, 2, text, part_kernel<right>}));
  add({"concat"}, "concat(a, …)", "strings, binaries or arrays one after the other", "concat('a', 'b') = 'ab'",
      resolve_concat);
  add({"concat_ws"}, "concat_ws(separator, a, …) -> string", "strings joined, nulls left out",
      "concat_ws('-', 'a', null, 'b') = 'a-b'", resolve_concat_ws);
  add({"split_part"}, "split_part(text, delimiter, n) -> string", "the n-th part, from 1, or from the end",
      "split_part('a.b.c', '.', 2) = 'b'",
      fixed({"split_part", {text, text, number}, 3, text, string_kernel<split_part_of>, true}));
  add({"replace"}, "replace(text, search[, replacement]) -> string", "every occurrence replaced",
      "replace('abcabc', 'b', 'x') = 'axcaxc'",
      fixed({"replace", {text, text, text}, 2, text, string_kernel<replace_of>}));
  add({"translate"}, "translate(text, from, to) -> string", "characters replaced one by one",
      "translate('abc', 'ab', '12') = '12c'",
      fixed({"translate", {text, text, text}, 3, text, string_kernel<translate_of>}));
  add({"repeat"}, "repeat(text, n) -> string", "the text n times", "repeat('ab', 2) = 'abab'",
      fixed({"repeat", {text, number}, 2, text, string_kernel<repeat_of>}));
  add({"lpad"}, "lpad(text, length[, fill]) -> string", "filled or cut to a length, at the left",
      "lpad('7', 3, '0') = '007'", text_or_binary("lpad", {number, text}, 2, true, text, string_kernel<pad_of<true>>));
  add({"rpad"}, "rpad(text, length[, fill]) -> string", "filled or cut to a length, at the right",
      "rpad('a', 3, '.') = 'a..'", text_or_binary("rpad", {number, text}, 2, true, text, string_kernel<pad_of<false>>));
  add({"instr"}, "instr(text, search) -> int", "the first place, from 1; 0: none", "instr('hello', 'l') = 3",
      fixed({"instr", {text, text}, 2, number, binary<std::int32_t, StringRef, StringRef, instr>}));
  add({"locate", "position"}, "locate(search, text[, from]) -> int", "the first place from a place on; 0: none",
      "locate('l', 'hello', 4) = 4", fixed({"locate", {text, text, number}, 2, number, locate_kernel}));
  add({"contains"}, "contains(text, search) -> boolean", "whether search occurs in text", "contains('hello', 'ell')",
      text_or_binary("contains", {text}, 2, false, truth, binary<std::uint8_t, StringRef, StringRef, contains>));
  add({"startswith"}, "startswith(text, prefix) -> boolean", "whether text begins so", "startswith('hello', 'he')",
      text_or_binary("startswith", {text}, 2, false, truth, binary<std::uint8_t, StringRef, StringRef, starts_with>));
  add({"endswith"}, "endswith(text, suffix) -> boolean", "whether text ends so", "endswith('hello', 'lo')",
      text_or_binary("endswith", {text}, 2, false, truth, binary<std::uint8_t, StringRef, StringRef, ends_with>));
  add({"ascii"}, "ascii(text) -> int", "the code of the first character", "ascii('A') = 65",
      fixed({"ascii", {text}, 1, number, unary<std::int32_t, StringRef, ascii>}));
  add({"chr", "char"}, "chr(n) -> string", "the character of a code, modulo 256", "chr(65) = 'A'",
      fixed({"chr", {TypeKind::int64}, 1, text, string_kernel<chr_of>}));
  add({"levenshtein"}, "levenshtein(a, b[, most]) -> int", "edits between two texts; -1: more than most",
      "levenshtein('kitten', 'sitting') = 3",
      fixed({"levenshtein", {text, text, number}, 2, number, levenshtein_kernel}));
  const TypeRule reverse_text = fixed({"reverse", {text}, 1, text, string_kernel<reverse_of>});
  add({"reverse"}, "reverse(a)", "a text or an array the other way round", "reverse('abc') = 'cba'",
      [reverse_text](const CallTypes& call) -> Result<ResolvedCall> {
        if (call.types.size() == 1 && call.types[0].kind() == TypeKind::array) {
          return call_of({call.types[0]}, call.types[0], [](const KernelCall& k) {
            ListRef* out = k.out.values<ListRef>();
            ColumnBuilder builder(k.out.type().element());
            for_each_value<ListRef>(k, k.arguments[0], [&](const ListRef& items, std::uint32_t row) {
              out[row] = {builder.rows(), items.length};
              for (std::uint32_t i = items.length; i > 0; --i) {
                builder.append(*k.arguments[0]->children[0], items.offset + i - 1);
              }
            });
            k.out.children = {builder.finish()};
          });
        }
        return reverse_text(call);
      });
  add_encodings(list);
  return list;
}

}  // namespace streamrun
