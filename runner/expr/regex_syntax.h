// Regular expressions as they are written: Java's and RE2's named groups, and where one is wrong.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace streamrun {

// Bytes [begin, end) of a pattern.
struct PatternRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct RegexSyntax {
  struct Group {
    std::string name;
    PatternRange place;  // of the name
  };
  std::string re2;            // the pattern as RE2 takes it: `(?<name>` is `(?P<name>`
  std::vector<Group> groups;  // those with names, in order
};

RegexSyntax read_regex(std::string_view pattern);

// The pattern, compiled; ok() tells whether it is one. Logs nothing.
std::unique_ptr<re2::RE2> compile_regex(const RegexSyntax& syntax);

// The same matches by a pattern of which these groups alone are kept, by their numbers from 1: a group that is not
// asked for costs time.
RegexSyntax keep_groups(const RegexSyntax& syntax, const std::vector<int>& kept);

// What of a pattern makes `failed` of it.
PatternRange regex_fault(std::string_view pattern, const re2::RE2& failed);

}  // namespace streamrun
