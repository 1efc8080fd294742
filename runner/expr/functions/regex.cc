// Regular expressions on RE2, in linear time; split.
#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>

#include "runner/data/text_scan.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/regex_syntax.h"

namespace streamrun {
namespace {

using re2::RE2;

struct Pattern {
  std::unique_ptr<RE2> regex;
  std::string literal;  // where the pattern is plain text, what it says
  bool plain = false;
};

// Plain text, escaped punctuation included; `[,]` counts too.
bool literal_of(std::string_view pattern, std::string& out) {
  constexpr std::string_view kMeta = "\\.[]{}()*+?^$|";
  if (pattern.size() == 3 && pattern[0] == '[' && pattern[2] == ']' && pattern[1] != '^' && pattern[1] != '\\') {
    out = pattern[1];
    return true;
  }
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size() && std::ispunct(static_cast<unsigned char>(pattern[i + 1]))) {
      out += pattern[++i];
    } else if (kMeta.find(pattern[i]) != std::string_view::npos) {
      return false;
    } else {
      out += pattern[i];
    }
  }
  return !out.empty();
}

Result<std::shared_ptr<const Pattern>> compile(std::string_view text) {
  auto pattern = std::make_shared<Pattern>();
  pattern->regex = compile_regex(read_regex(text));
  if (!pattern->regex->ok()) {
    return failure("bad regular expression '" + std::string(text) + "': " + pattern->regex->error());
  }
  pattern->plain = literal_of(text, pattern->literal);
  return std::shared_ptr<const Pattern>(std::move(pattern));
}

std::string no_group(int count, int group) {
  return "the pattern has " + std::to_string(count) + (count == 1 ? " group" : " groups") + ", not group " +
         std::to_string(group);
}

// The pattern is argument 1 of every function here.
Result<std::shared_ptr<const void>> prepare(std::span<const ColumnPtr> constants) {
  if (constants.size() < 2 || constants[1] == nullptr || constants[1]->is_null(0)) {
    return std::shared_ptr<const void>();
  }
  Result<std::shared_ptr<const Pattern>> pattern = compile(constants[1]->value<StringRef>(0).view());
  if (!pattern) return pass_on(pattern);
  return std::shared_ptr<const void>(*std::move(pattern));
}

// Likewise, of a function whose argument 2 is a group: one that the pattern has not can be told at once. A pattern
// without any group says nothing until it matches, as in Spark.
Result<std::shared_ptr<const void>> prepare_group(std::span<const ColumnPtr> constants) {
  Result<std::shared_ptr<const void>> prepared = prepare(constants);
  if (!prepared || *prepared == nullptr || constants.size() < 3 || constants[2] == nullptr) return prepared;
  if (constants[2]->is_null(0)) return prepared;
  const int count = static_cast<const Pattern*>(prepared->get())->regex->NumberOfCapturingGroups();
  const std::int32_t group = constants[2]->value<std::int32_t>(0);
  if (count > 0 && group > count) return failure(no_group(count, group));
  return prepared;
}

// The pattern of each row: prepared, or compiled where it changes.
class Patterns {
 public:
  explicit Patterns(const KernelCall& call) : call_(call), fixed_(static_cast<const Pattern*>(call.prepared)) {}
  // The pattern of all rows, if there is one.
  const Pattern* constant() const { return fixed_; }
  // Null after an error of the row.
  const Pattern* at(std::uint32_t row) {
    if (fixed_ != nullptr) return fixed_;
    const std::string_view text = text_at(call_, 1, row);
    if (!current_ || text != text_) {
      Result<std::shared_ptr<const Pattern>> made = compile(text);
      if (!made) {
        call_.context.errors.add(row, made.error().message);
        return nullptr;
      }
      text_ = text;
      current_ = *std::move(made);
    }
    return current_.get();
  }

 private:
  const KernelCall& call_;
  const Pattern* fixed_;
  std::shared_ptr<const Pattern> current_;
  std::string text_;
};

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

void rlike(const KernelCall& call) {
  std::uint8_t* out = call.out.values<std::uint8_t>();
  Patterns patterns(call);
  call.selection.for_each([&](std::uint32_t row) {
    const Pattern* pattern = patterns.at(row);
    if (pattern == nullptr) return;
    const std::string_view text = text_at(call, 0, row);
    out[row] = pattern->plain ? text.find(pattern->literal) != std::string_view::npos
                              : RE2::PartialMatch(piece(text), *pattern->regex);
  });
}

// f(groups) for each match in turn, as Java's find: an empty match moves on by a character. False stops.
template <class F>
void for_each_match(const RE2& regex, std::string_view text, std::size_t from, int groups, F&& f) {
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(groups) + 1);
  while (from <= text.size() &&
         regex.Match(piece(text), from, text.size(), RE2::UNANCHORED, found.data(), groups + 1)) {
    const auto begin = static_cast<std::size_t>(found[0].data() - text.data());
    if (!f(found)) return;
    from = begin + found[0].size();
    if (found[0].empty()) from += from < text.size() ? character_at(text, from) : 1;
  }
}

bool check_group(const KernelCall& call, std::uint32_t row, const Pattern& pattern, int group) {
  const int count = pattern.regex->NumberOfCapturingGroups();
  if (group >= 0 && group <= count) return true;
  call.context.errors.add(row, no_group(count, group));
  return false;
}

void extract(const KernelCall& call) {
  StringRef* out = call.out.values<StringRef>();
  call.out.keep_heaps_of(*call.arguments[0]);
  Patterns patterns(call);
  call.selection.for_each([&](std::uint32_t row) {
    out[row] = StringRef();
    const Pattern* pattern = patterns.at(row);
    if (pattern == nullptr) return;
    const int group = call.arguments.size() > 2 ? value_at<std::int32_t>(call, 2, row) : 1;
    const std::string_view text = text_at(call, 0, row);
    for_each_match(*pattern->regex, text, 0, std::clamp(group, 0, pattern->regex->NumberOfCapturingGroups()),
                   [&](const std::vector<re2::StringPiece>& found) {
                     if (check_group(call, row, *pattern, group)) {
                       const re2::StringPiece& part = found[static_cast<std::size_t>(group)];
                       if (part.data() != nullptr) {
                         out[row] = StringRef(part.data(), static_cast<std::uint32_t>(part.size()));
                       }
                     }
                     return false;
                   });
  });
}

// Gathers the elements of an array of strings; they point into argument 0.
class ListWriter {
 public:
  explicit ListWriter(const KernelCall& call) : call_(call), out_(call.out.values<ListRef>()) {}
  ~ListWriter() {
    MutableColumn column = Column::make(TypeKind::string, static_cast<std::uint32_t>(elements_.size()));
    if (!elements_.empty()) {
      std::memcpy(static_cast<void*>(column->values<StringRef>()), elements_.data(),
                  elements_.size() * sizeof(StringRef));
    }
    column->keep_heaps_of(*call_.arguments[0]);
    call_.out.children = {std::move(column)};
  }
  ListWriter(const ListWriter&) = delete;
  ListWriter& operator=(const ListWriter&) = delete;
  void begin() { first_ = elements_.size(); }
  void add(std::string_view text) {
    if (call_.context.take(sizeof(StringRef))) elements_.emplace_back(text);
  }
  void end(std::uint32_t row) {
    out_[row] = {static_cast<std::uint32_t>(first_), static_cast<std::uint32_t>(elements_.size() - first_)};
  }

 private:
  const KernelCall& call_;
  ListRef* out_;
  std::vector<StringRef> elements_;
  std::size_t first_ = 0;
};

void extract_all(const KernelCall& call) {
  ListWriter list(call);
  Patterns patterns(call);
  call.selection.for_each([&](std::uint32_t row) {
    list.begin();
    if (const Pattern* pattern = patterns.at(row)) {
      const int group = call.arguments.size() > 2 ? value_at<std::int32_t>(call, 2, row) : 1;
      const int groups = std::max(0, std::min(group, pattern->regex->NumberOfCapturingGroups()));
      for_each_match(
          *pattern->regex, text_at(call, 0, row), 0, groups, [&](const std::vector<re2::StringPiece>& found) {
            if (!check_group(call, row, *pattern, group)) return false;
            const re2::StringPiece& part = found[static_cast<std::size_t>(group)];
            list.add(part.data() == nullptr ? std::string_view() : std::string_view(part.data(), part.size()));
            return true;
          });
    }
    list.end(row);
  });
}

// Java's replacement: `$1`, `${name}`, a backslash takes the next character as it is. False: an error.
bool append_replacement(std::string_view put, const RE2& regex, const std::vector<re2::StringPiece>& found,
                        BoundedText& out) {
  const int groups = regex.NumberOfCapturingGroups();
  for (std::size_t i = 0; i < put.size(); ++i) {
    if (put[i] == '\\') {
      if (++i == put.size()) return false;
      out += put[i];
      continue;
    }
    if (put[i] != '$') {
      out += put[i];
      continue;
    }
    if (++i == put.size()) return false;
    int group = 0;
    if (put[i] == '{') {
      const std::size_t close = put.find('}', i);
      if (close == std::string_view::npos) return false;
      const auto named = regex.NamedCapturingGroups().find(std::string(put.substr(i + 1, close - i - 1)));
      if (named == regex.NamedCapturingGroups().end()) return false;
      group = named->second;
      i = close;
    } else {
      if (put[i] < '0' || put[i] > '9') return false;
      group = put[i] - '0';
      if (group > groups) return false;
      while (i + 1 < put.size() && put[i + 1] >= '0' && put[i + 1] <= '9' &&
             group * 10 + (put[i + 1] - '0') <= groups) {
        group = group * 10 + (put[++i] - '0');
      }
    }
    const re2::StringPiece& part = found[static_cast<std::size_t>(group)];
    if (part.data() != nullptr) out.append(std::string_view(part.data(), part.size()));
  }
  return true;
}

void replace(const KernelCall& call) {
  StringWriter writer(call);
  Patterns patterns(call);
  BoundedText made;
  call.selection.for_each([&](std::uint32_t row) {
    const Pattern* pattern = patterns.at(row);
    const std::string_view text = text_at(call, 0, row), put = text_at(call, 2, row);
    made.clear();
    if (pattern == nullptr) {
      writer.set(row, made);
      return;
    }
    std::size_t from = 0, copied = 0;
    if (call.arguments.size() > 3) {
      std::int32_t position = value_at<std::int32_t>(call, 3, row);
      if (position <= 0) {
        call.context.errors.add(row, "regexp_replace counts places from 1, not " + std::to_string(position));
        position = 1;
      }
      for (; position > 1 && from < text.size(); --position) from += character_at(text, from);
      if (position > 1) from = text.size() + 1;
    }
    for_each_match(*pattern->regex, text, from, pattern->regex->NumberOfCapturingGroups(),
                   [&](const std::vector<re2::StringPiece>& found) {
                     const auto begin = static_cast<std::size_t>(found[0].data() - text.data());
                     made.append(text.substr(copied, begin - copied));
                     copied = begin + found[0].size();
                     if (append_replacement(put, *pattern->regex, found, made)) return !made.overflowed();
                     call.context.errors.add(row, "bad replacement '" + std::string(put) + "'");
                     return false;
                   });
    made.append(text.substr(copied));
    writer.set(row, made);
  });
}

// Each row at one byte: counted first, so that the parts are written where they stay.
void split_at_byte(const KernelCall& call, char mark) {
  std::uint32_t total = 0;
  call.selection.for_each([&](std::uint32_t row) {
    const std::string_view text = text_at(call, 0, row);
    total += 1 + static_cast<std::uint32_t>(count_byte(text, mark));
  });
  if (!call.context.take(std::size_t{total} * sizeof(StringRef))) {
    call.out.children = {Column::make_empty(TypeKind::string)};
    call.selection.for_each([&](std::uint32_t row) { call.out.values<ListRef>()[row] = {}; });
    return;
  }
  const MutableColumn column = Column::make(TypeKind::string, total);
  StringRef* const parts = column->values<StringRef>();
  ListRef* const lists = call.out.values<ListRef>();
  std::uint32_t made = 0;
  call.selection.for_each([&](std::uint32_t row) {
    const std::string_view text = text_at(call, 0, row);
    const std::uint32_t first = made;
    std::size_t from = 0;
    const auto add = [&](std::size_t end) __attribute__((always_inline)) {
      parts[made++] = string_ref_within(text, text.data() + from, static_cast<std::uint32_t>(end - from));
      from = end + 1;
      return true;
    };
    for_each_byte(text, mark, add);
    add(text.size());
    lists[row] = {first, made - first};
  });
  column->keep_heaps_of(*call.arguments[0]);
  call.out.children = {column};
}

void split_literal(ListWriter& list, std::string_view text, std::string_view mark, std::int32_t limit) {
  std::size_t at = 0;
  for (std::int32_t parts = 1; limit <= 0 || parts < limit; ++parts) {
    const std::size_t hit = text.find(mark, at);
    if (hit == std::string_view::npos) break;
    list.add(text.substr(at, hit - at));
    at = hit + mark.size();
  }
  list.add(text.substr(at));
}

void split_regex(ListWriter& list, std::string_view text, const RE2& regex, std::int32_t limit) {
  std::size_t at = 0;
  std::int32_t parts = 1;
  for_each_match(regex, text, 0, 0, [&](const std::vector<re2::StringPiece>& found) {
    if (limit > 0 && parts >= limit) return false;
    const auto begin = static_cast<std::size_t>(found[0].data() - text.data());
    if (found[0].empty() && begin == 0) return true;  // Java: no empty part before the first character
    list.add(text.substr(at, begin - at));
    at = begin + found[0].size();
    ++parts;
    return true;
  });
  list.add(text.substr(at));
}

void split(const KernelCall& call) {
  Patterns patterns(call);
  if (const Pattern* pattern = patterns.constant(); pattern != nullptr && call.arguments.size() == 2) {
    if (pattern->plain && pattern->literal.size() == 1) return split_at_byte(call, pattern->literal[0]);
  }
  ListWriter list(call);
  call.selection.for_each([&](std::uint32_t row) {
    list.begin();
    const std::string_view text = text_at(call, 0, row);
    const std::int32_t limit = call.arguments.size() > 2 ? value_at<std::int32_t>(call, 2, row) : -1;
    if (const Pattern* pattern = patterns.at(row)) {
      if (pattern->plain) {
        split_literal(list, text, pattern->literal, limit);
      } else if (pattern->regex->pattern().empty() && !text.empty()) {
        std::int32_t parts = 0;
        for (std::size_t i = 0; i < text.size() && (limit <= 0 || parts < limit); i += character_at(text, i), ++parts) {
          list.add(text.substr(i, character_at(text, i)));
        }
      } else {
        split_regex(list, text, *pattern->regex, limit);
      }
    }
    list.end(row);
  });
}

}  // namespace

std::vector<Function> regex_functions() {
  FunctionList list("Strings");
  const Type text = TypeKind::string, number = TypeKind::int32, truth = TypeKind::boolean;
  const Type strings = Type::array(text);
  list.add({"rlike", "regexp_like", "regexp"}, "regexp_like(text, pattern) -> boolean",
           "whether the pattern occurs in text", "regexp_like('abc', 'b.')",
           fixed({"rlike", {text, text}, 2, truth, rlike, true, prepare}));
  list.add({"regexp_extract"}, "regexp_extract(text, pattern[, group]) -> string",
           "a group (1) of the first match, or ''", "regexp_extract('a12', '([0-9]+)', 1) = '12'",
           fixed({"regexp_extract", {text, text, number}, 2, text, extract, true, prepare_group}));
  list.add({"regexp_extract_all"}, "regexp_extract_all(text, pattern[, group]) -> array<string>",
           "a group (1) of every match", "size(regexp_extract_all('a1b2', '([0-9])')) = 2",
           fixed({"regexp_extract_all", {text, text, number}, 2, strings, extract_all, true, prepare_group}));
  list.add({"regexp_replace"}, "regexp_replace(text, pattern, replacement[, from]) -> string",
           "every match replaced; $1 is a group", "regexp_replace('a1b2', '[0-9]', '#') = 'a#b#'",
           with_check(fixed({"regexp_replace", {text, text, text, number}, 3, text, replace, true, prepare}),
                      [](const CallTypes& call) {
                        return constant_number(call, 3).value_or(1) < 1 ? "regexp_replace counts places from 1"
                                                                        : nullptr;
                      }));
  list.add({"split"}, "split(text, pattern[, limit]) -> array<string>", "the parts between matches",
           "split('a,b', ',')[1] = 'b'", fixed({"split", {text, text, number}, 2, strings, split, true, prepare}));
  return list.take();
}

}  // namespace streamrun
