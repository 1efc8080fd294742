// Names that users bring along from other systems, and what to write here instead.
#pragma once

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

// Of a name that no column has because it is none: an expression or `*`, where names stand in a list; or nothing.
std::string unnamed_expression_hint(std::string_view name);

}  // namespace streamrun
