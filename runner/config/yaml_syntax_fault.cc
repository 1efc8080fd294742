#include "runner/config/yaml_syntax_fault.h"

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>

#include <algorithm>
#include <vector>

#include "runner/base/foreign_name.h"
#include "runner/config/yaml_places.h"

namespace streamrun {
namespace {

constexpr std::string_view kTab = "a tab cannot indent; write blanks";
constexpr std::string_view kOpenQuote = "this quote is never closed";
constexpr std::string_view kTag = "a '!' begins a YAML tag; write `not` for a negation, or quote the whole expression";

YamlFault at_character(std::size_t at, std::string_view message, std::string code = "yaml-syntax") {
  const auto place = static_cast<std::uint32_t>(at);
  return {std::move(code), {place, place + 1}, std::string(message)};
}

bool one_of(char c, std::string_view characters) {
  return characters.find(c) != std::string_view::npos;
}

// The indentation of the line before `at`.
std::optional<YamlFault> find_tab(std::string_view file, std::uint32_t at) {
  const std::size_t line = at == 0 ? std::string_view::npos : file.rfind('\n', at - 1U);
  const std::size_t start = line == std::string_view::npos ? 0 : line + 1;
  const std::string_view indent = file.substr(start, file.find_first_not_of(" \t", start) - start);
  const std::size_t tab = indent.find('\t');
  if (tab == std::string_view::npos || start + indent.size() > at + 1U) return std::nullopt;
  return at_character(start + tab, kTab);
}

std::optional<YamlFault> find_open_quote(std::string_view file, std::size_t from) {
  for (std::size_t at = from; at < file.size(); ++at) {
    const bool opens = one_of(file[at], "'\"") && (at == 0 || one_of(file[at - 1], " \t\n[{,:"));
    if (!opens) continue;
    const std::size_t close = find_closing_quote(file, at);
    if (close == std::string_view::npos) return at_character(at, kOpenQuote);
    at = close;
  }
  return std::nullopt;
}

struct OpenBracket {
  std::size_t at = 0;
  char closing = '}';
};

// The brackets of flow collections that are open at `end`, the outermost first; that alone which another one's end runs
// into. Quotes and comments are passed over, and
// in a block only what begins a value is a bracket of YAML.
std::vector<OpenBracket> open_brackets(std::string_view file, std::size_t end) {
  std::vector<OpenBracket> open;
  char before = '\n';  // the last character that is no blank; a line end where one came since
  for (std::size_t at = 0; at < end; ++at) {
    const char c = file[at];
    const bool spaced = at == 0 || one_of(file[at - 1], " \t\n");
    const bool begins = one_of(before, "\n,[{") || (one_of(before, ":-?") && spaced);
    if (c == '#' && spaced) {
      at = std::min(file.find('\n', at), end) - 1;
      continue;
    }
    if (one_of(c, "'\"") && (begins || (before == ':' && !open.empty()))) {
      const std::size_t close = find_closing_quote(file, at);
      if (close >= end) return open;
      at = close;
    } else if (one_of(c, "[{") && (begins || !open.empty())) {
      open.push_back({at, c == '[' ? ']' : '}'});
    } else if (!open.empty() && c == open.back().closing) {
      open.pop_back();
    } else if (open.size() > 1 && c == open[open.size() - 2].closing) {
      return {open.back()};
    }
    if (!one_of(c, " \t\r")) before = c;
  }
  return open;
}

std::size_t line_start(std::string_view file, std::size_t at) {
  const std::size_t line = at == 0 ? std::string_view::npos : file.rfind('\n', at - 1);
  return line == std::string_view::npos ? 0 : line + 1;
}

std::size_t line_number(std::string_view file, std::size_t at) {
  return 1 + static_cast<std::size_t>(std::count(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

// A bracket that stays open where the lines of a block go on, or the file ends: the fault shows far behind it.
std::optional<YamlFault> find_open_bracket(std::string_view file, std::size_t at) {
  const std::vector<OpenBracket> open = open_brackets(file, at >= file.size() ? file.size() : line_start(file, at));
  if (open.empty()) return std::nullopt;
  const OpenBracket& bracket = open.front();
  const auto indent = [file](std::size_t line) { return file.find_first_not_of(" \t", line) - line; };
  const std::size_t own = indent(line_start(file, bracket.at));
  std::size_t last = line_start(file, bracket.at);
  bool block_goes_on = at >= file.size();
  for (std::size_t next = file.find('\n', last); next != std::string_view::npos; next = file.find('\n', next + 1)) {
    const std::size_t text = file.find_first_not_of(" \t\r", next + 1);
    if (text == std::string_view::npos) break;
    if (one_of(file[text], "\n#")) continue;
    block_goes_on = block_goes_on || (indent(next + 1) <= own && !one_of(file[text], "]}"));
    if (indent(next + 1) <= own) break;
    last = next + 1;
  }
  if (!block_goes_on) return std::nullopt;
  YamlFault found = at_character(bracket.at, "");
  found.message = fmt::format("this '{}' is not closed: a '{}' is missing at the end of line {}", file[bracket.at],
                              bracket.closing, line_number(file, last));
  return found;
}

// A bracket that the end of another one, at `at`, runs into.
std::optional<YamlFault> find_crossed_bracket(std::string_view file, std::size_t at) {
  if (at >= file.size() || !one_of(file[at], "]}")) return std::nullopt;
  const std::vector<OpenBracket> open = open_brackets(file, at);
  if (open.empty() || open.back().closing == file[at]) return std::nullopt;
  YamlFault found = at_character(open.back().at, "");
  found.message = fmt::format("this '{}' is not closed: a '{}' is missing before the '{}' in line {}{}",
                              file[open.back().at], open.back().closing, file[at], line_number(file, at), kQuoteIt);
  return found;
}

// `{path: ${DIR}/x}`: YAML sees a mapping in the braces.
std::optional<YamlFault> find_cut_variable(std::string_view file, std::size_t at) {
  const std::size_t start = line_start(file, std::min(at, file.size()));
  const std::string_view line = file.substr(start, file.find('\n', start) - start);
  for (std::size_t dollar = line.find("${"); dollar != std::string_view::npos; dollar = line.find("${", dollar + 2)) {
    const std::size_t place = start + dollar;
    const std::vector<OpenBracket> within = open_brackets(file, place + 2);
    if (within.empty() || within.back().at != place + 1) continue;
    std::size_t begin = dollar;
    while (begin > 0 && !one_of(line[begin - 1], " \t,[{")) --begin;
    const std::size_t close = std::min(line.find('}', dollar), line.size() - 1);
    const std::size_t end = std::min(line.find_first_of(", \t]}", close + 1), line.size());
    YamlFault found{
        "yaml-syntax", {static_cast<std::uint32_t>(start + begin), static_cast<std::uint32_t>(start + end)}, {}};
    found.message = fmt::format("YAML takes the braces of a variable for a mapping here; quote the text: \"{}\"",
                                line.substr(begin, end - begin));
    return found;
  }
  return std::nullopt;
}

// A line that begins an item of a list below one that is none, but stands among them.
std::optional<YamlFault> find_missing_dash(std::string_view file, std::size_t at) {
  const std::size_t start = line_start(file, std::min(at, file.size()));
  const std::size_t text = std::min(file.find_first_not_of(" ", start), file.size());
  if (!file.substr(text).starts_with("- ") || start == 0) return std::nullopt;
  const std::size_t before = line_start(file, start - 1);
  const std::size_t key = std::min(file.find_first_not_of(" ", before), file.size());
  if (key >= start || file[key] == '-' || file[key] == '#' || key - before < text - start) return std::nullopt;
  YamlFault found = at_character(key, "");
  found.message = fmt::format("a '- ' is missing here: line {} begins an item of a list", line_number(file, text));
  return found;
}

// What the indentation of a line is, and what those above it have.
std::string indentation_hint(std::string_view file, std::size_t at) {
  const std::size_t start = line_start(file, std::min(at, file.size()));
  const std::size_t own = std::min(file.find_first_not_of(" ", start), file.size()) - start;
  std::vector<std::size_t> open;
  for (std::size_t line = start; line > 0;) {
    line = line_start(file, line - 1);
    const std::size_t text = std::min(file.find_first_not_of(" ", line), file.size());
    if (text >= file.size() || one_of(file[text], "#\r\n")) continue;
    const std::size_t indent = text - line;
    if (open.empty() || indent < open.back()) open.push_back(indent);
    if (indent == 0 || indent < own) break;
  }
  if (open.size() < 2 || std::ranges::find(open, own) != open.end()) return {};
  return fmt::format(": it begins with {} blanks, the lines above with {} or {}", own, open[open.size() - 2],
                     open.back());
}

struct Words {
  std::string_view said;  // by yaml-cpp
  std::string_view message;
  bool may_be_cut = false;
  std::string_view code = "yaml-syntax";
};

const Words kWords[] = {
    {YAML::ErrorMsg::END_OF_MAP_FLOW, "a '}' or ',' is missing here", true},
    {YAML::ErrorMsg::END_OF_SEQ_FLOW, "a ']' or ',' is missing here", true},
    {YAML::ErrorMsg::FLOW_END, "this bracket closes nothing", true},
    {YAML::ErrorMsg::MAP_VALUE, "a ':' cannot stand here", true},
    {YAML::ErrorMsg::END_OF_MAP, "this does not fit the lines above; check the indentation", true},
    {YAML::ErrorMsg::END_OF_SEQ, "this does not fit the lines above; check the indentation", true},
    {YAML::ErrorMsg::BLOCK_ENTRY, "a '-' cannot stand here", true},
    {YAML::ErrorMsg::MAP_KEY, "a '?' cannot stand here", true},
    {YAML::ErrorMsg::CHAR_IN_BLOCK, "a '>' or '|' begins a block of text for YAML here", true},
    {YAML::ErrorMsg::INVALID_ESCAPE,
     "YAML has no such escape: within double quotes a backslash of a pattern is doubled, \\\\d; within single quotes, "
     "where a ' is doubled, it stands as it is"},
    {YAML::ErrorMsg::EOF_IN_SCALAR, kOpenQuote},
    {YAML::ErrorMsg::DOC_IN_SCALAR, "a document ends within this quote; the quote is not closed"},
    {YAML::ErrorMsg::TAB_IN_INDENTATION, kTab},
    {YAML::ErrorMsg::UNKNOWN_ANCHOR,
     "no anchor of this name stands above; if no alias is meant, quote the whole expression", false, "unknown-alias"},
    {YAML::ErrorMsg::ALIAS_NOT_FOUND, "a '*' begins an alias; if none is meant, quote the whole expression", false,
     "unknown-alias"},
    {YAML::ErrorMsg::CHAR_IN_ALIAS, "a '*' begins an alias; if none is meant, quote the whole expression", false,
     "unknown-alias"},
    {YAML::ErrorMsg::ANCHOR_NOT_FOUND, "an anchor needs a name; if none is meant, quote the whole expression"},
    {YAML::ErrorMsg::CHAR_IN_ANCHOR, "an anchor needs a name; if none is meant, quote the whole expression"},
    {"tag", kTag, false, "tag"},
};

YamlFault reword(std::string_view file, std::uint32_t at, const std::string& words) {
  const Span place{at, at};
  for (const Words& one : kWords) {
    if (words.find(one.said) == std::string::npos) continue;
    const std::string indent =
        one.message.find("indentation") == std::string_view::npos ? "" : indentation_hint(file, at);
    return {std::string(one.code), place,
            fmt::format("{}{}{}", one.message, indent, one.may_be_cut && indent.empty() ? kQuoteIt : "")};
  }
  if (words.find(YAML::ErrorMsg::UNKNOWN_TOKEN) == std::string::npos) return {"yaml-syntax", place, words};
  const auto c = at < file.size() ? static_cast<unsigned char>(file[at]) : 0U;
  if (c == '\t') return {"yaml-syntax", place, std::string(kTab)};
  if (c < 0x20 || c >= 0x80) return {"yaml-syntax", place, "this is no YAML"};
  return {"yaml-syntax", place,
          fmt::format("a text cannot begin with '{}'; quote the whole expression", static_cast<char>(c))};
}

struct OpenWithin {
  int brackets = 0;
  bool quote = false;
};

OpenWithin open_at_end(std::string_view expression) {
  OpenWithin open;
  char quote = '\0';
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (one_of(c, "'\"`") && (i == 0 || one_of(expression[i - 1], " (=<>|+,"))) {
      quote = c;
    } else if (c == '(') {
      ++open.brackets;
    } else if (c == ')') {
      --open.brackets;
    }
  }
  open.quote = quote != '\0';
  return open;
}

// A false blank that may be the cause: not one of a comment or a text in quotes.
std::optional<YamlFault> find_blank(std::string_view file, std::size_t understood, std::size_t at) {
  const std::size_t from = std::min(understood, at);
  const auto blank = find_false_blank(file.substr(from, at - from));
  if (!blank) return std::nullopt;
  const std::size_t begin = from + blank->at;
  const std::size_t line = file.rfind('\n', begin) + 1;
  if (file.substr(line, begin - line).find_first_of("#'\"") != std::string_view::npos) return std::nullopt;
  YamlFault found = at_character(
      begin, fmt::format("the character {} looks like a blank and is none: write a plain one", blank->code));
  found.span.end = static_cast<std::uint32_t>(begin + blank->size);
  return found;
}

}  // namespace

YamlFault explain_syntax_fault(std::string_view file, std::uint32_t understood, std::uint32_t at,
                               const std::string& words) {
  const std::size_t next = std::min(file.find_first_not_of(" \t:-", understood), file.size());
  if (next < file.size() && next <= at && file[next] == '!') return at_character(next, kTag, "tag");
  if (auto tab = find_tab(file, at)) return *tab;
  if (at >= file.size() && words.find(YAML::ErrorMsg::EOF_IN_SCALAR) != std::string::npos) {
    if (auto quote = find_open_quote(file, understood)) return *quote;
  }
  if (auto cause = find_structure_fault(file, at)) return *cause;
  if (auto blank = find_blank(file, understood, at)) return *blank;
  return reword(file, at, words);
}

std::optional<YamlFault> find_structure_fault(std::string_view file, std::size_t at) {
  if (auto variable = find_cut_variable(file, at)) return variable;
  if (auto bracket = find_open_bracket(file, at)) return bracket;
  if (auto bracket = find_crossed_bracket(file, at)) return bracket;
  return find_missing_dash(file, at);
}

std::optional<YamlFault> find_cut_expression(std::string_view file, const LocatedText& scalar, bool flow) {
  const std::size_t end = scalar.whole().end;
  const std::size_t behind = std::min(file.find_first_not_of(" \t", end), file.size());
  const char next = behind < file.size() ? file[behind] : '\n';
  const bool comment = next == '#' && behind > end;
  const bool cut_by_flow = flow && one_of(next, ",[]{}");
  if (!comment && !cut_by_flow) return std::nullopt;
  const OpenWithin open = open_at_end(scalar.value());
  // `account = #x`: an operator has its other side in the comment.
  if (comment && open.brackets <= 0 && !open.quote && !scalar.value().empty() &&
      one_of(scalar.value().back(), "=<>+*/(|&")) {
    return YamlFault{"cut-expression", scalar.whole(),
                     "YAML takes what follows ' #' for a comment; quote the whole expression"};
  }
  if (open.brackets <= 0 && !open.quote) return std::nullopt;
  return YamlFault{"cut-expression", scalar.whole(),
                   fmt::format("YAML ends this text at '{}', within a {}; quote the whole expression", next,
                               open.quote ? "quote" : "bracket")};
}

}  // namespace streamrun
