// Paths of files by a glob: `*`, `?` and `[…]` within one name, `{a,b}` anywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace streamrun {

bool is_glob(std::string_view path);

// What `{a,b}` stands for, one path for each; braces without a comma are a part of the name.
std::vector<std::string> expand_braces(const std::string& path);

struct GlobMatches {
  std::vector<std::string> paths;   // in byte order, beginning as the pattern does; folders are among them
  std::vector<std::string> faults;  // what could not be looked into, and why: there may be files that match
};

// Of a pattern below `folder`, without braces: what it matches, and what is called just so. Neither hides the other, or
// one file with such a name would silence all that the pattern is meant for.
GlobMatches expand_glob(const std::string& folder, const std::string& pattern);

}  // namespace streamrun
