// Names that users bring along from other systems, and what to write here instead.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace streamrun {

struct ForeignName {
  std::string_view theirs;  // in small letters, without `_` and `-`
  std::string_view ours;    // text to type
};

// What to write for `name`, whose case, `_` and `-` do not count; empty: nobody knows.
std::string_view find_foreign(std::string_view name, std::span<const ForeignName> known);
// `; write OURS`, else `; did you mean 'x'?` of `candidates`, or nothing.
std::string name_hint(std::string_view name, std::span<const ForeignName> known,
                      std::span<const std::string_view> candidates);

// A character that looks like a blank, or like nothing, and is a letter to YAML.
struct FalseBlank {
  std::size_t at = 0;  // bytes
  std::size_t size = 0;
  std::string_view code;  // `U+00A0`
};
std::optional<FalseBlank> find_false_blank(std::string_view text);
// Of a name that holds one; or nothing.
std::string false_blank_hint(std::string_view name);

// Of a name that no column has because it is none: an expression or `*`, where names stand in a list; or nothing.
std::string unnamed_expression_hint(std::string_view name);

}  // namespace streamrun
