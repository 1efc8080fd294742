#include "runner/config/yaml_syntax_fault.h"

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>

#include <algorithm>

#include "runner/config/yaml_places.h"

namespace streamrun {
namespace {

constexpr std::string_view kTab = "a tab cannot indent; write blanks";
constexpr std::string_view kOpenQuote = "this quote is never closed";
constexpr std::string_view kTag = "a '!' begins a YAML tag; write `not` for a negation, or quote the whole expression";

SyntaxFault at_character(std::size_t at, std::string_view message, std::string code = "yaml-syntax") {
  const auto place = static_cast<std::uint32_t>(at);
  return {std::move(code), {place, place + 1}, std::string(message)};
}

bool one_of(char c, std::string_view characters) {
  return characters.find(c) != std::string_view::npos;
}

// The indentation of the line before `at`.
std::optional<SyntaxFault> find_tab(std::string_view file, std::uint32_t at) {
  const std::size_t line = at == 0 ? std::string_view::npos : file.rfind('\n', at - 1U);
  const std::size_t start = line == std::string_view::npos ? 0 : line + 1;
  const std::string_view indent = file.substr(start, file.find_first_not_of(" \t", start) - start);
  const std::size_t tab = indent.find('\t');
  if (tab == std::string_view::npos || start + indent.size() > at + 1U) return std::nullopt;
  return at_character(start + tab, kTab);
}

std::optional<SyntaxFault> find_open_quote(std::string_view file, std::size_t from) {
  for (std::size_t at = from; at < file.size(); ++at) {
    const bool opens = one_of(file[at], "'\"") && (at == 0 || one_of(file[at - 1], " \t\n[{,:"));
    if (!opens) continue;
    const std::size_t close = find_closing_quote(file, at);
    if (close == std::string_view::npos) return at_character(at, kOpenQuote);
    at = close;
  }
  return std::nullopt;
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

SyntaxFault reword(std::string_view file, std::uint32_t at, const std::string& words) {
  const Span place{at, at};
  for (const Words& one : kWords) {
    if (words.find(one.said) == std::string::npos) continue;
    return {std::string(one.code), place, fmt::format("{}{}", one.message, one.may_be_cut ? kQuoteIt : "")};
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

}  // namespace

SyntaxFault explain_syntax_fault(std::string_view file, std::uint32_t understood, std::uint32_t at,
                                 const std::string& words) {
  const std::size_t next = std::min(file.find_first_not_of(" \t:-", understood), file.size());
  if (next < file.size() && next <= at && file[next] == '!') return at_character(next, kTag, "tag");
  if (auto tab = find_tab(file, at)) return *tab;
  if (at >= file.size() && words.find(YAML::ErrorMsg::EOF_IN_SCALAR) != std::string::npos) {
    if (auto quote = find_open_quote(file, understood)) return *quote;
  }
  return reword(file, at, words);
}

std::optional<SyntaxFault> find_cut_expression(std::string_view file, const LocatedText& scalar, bool flow) {
  const std::size_t end = scalar.whole().end;
  const std::size_t behind = std::min(file.find_first_not_of(" \t", end), file.size());
  const char next = behind < file.size() ? file[behind] : '\n';
  const bool comment = next == '#' && behind > end;
  const bool cut_by_flow = flow && one_of(next, ",[]{}");
  if (!comment && !cut_by_flow) return std::nullopt;
  const OpenWithin open = open_at_end(scalar.value());
  if (open.brackets <= 0 && !open.quote) return std::nullopt;
  return SyntaxFault{"cut-expression", scalar.whole(),
                     fmt::format("YAML ends this text at '{}', within a {}; quote the whole expression", next,
                                 open.quote ? "quote" : "bracket")};
}

}  // namespace streamrun
