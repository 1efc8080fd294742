// What a user should read where YAML cannot be understood: yaml-cpp's own words say neither cause nor remedy.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runner/base/source_text.h"

namespace streamrun {

inline constexpr std::string_view kQuoteIt = "; if an expression was cut, quote the whole expression";

struct YamlFault {
  std::string code = "yaml-syntax";
  Span span;
  std::string message;
};

// yaml-cpp stopped at `at` with these words; the file was understood up to `understood`, and the cause may
// stand anywhere between the two.
YamlFault explain_syntax_fault(std::string_view file, std::uint32_t understood, std::uint32_t at,
                               const std::string& words);

// What makes the structure go wrong before `at`: the braces of a variable that is not quoted, a bracket that is not
// closed, a '- ' that is missing.
std::optional<YamlFault> find_structure_fault(std::string_view file, std::size_t at);

// A plain scalar that YAML ended within a bracket or a quote of its own: `{f: concat(a, b)}`, `f: a = 'x #1'`.
// `flow`: it stands in `[]` or `{}`.
std::optional<YamlFault> find_cut_expression(std::string_view file, const LocatedText& scalar, bool flow);

}  // namespace streamrun
