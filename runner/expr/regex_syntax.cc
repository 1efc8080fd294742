#include "runner/expr/regex_syntax.h"

#include <re2/re2.h>

#include <algorithm>

namespace streamrun {
namespace {

using re2::RE2;

// Longer ones are not tried prefix by prefix.
constexpr std::size_t kLongest = 2000;

// Behind the class that begins at `at`: a bracket right behind its first one, or behind `^`, is text.
std::size_t class_end(std::string_view pattern, std::size_t at) {
  ++at;
  if (pattern.substr(at).starts_with('^')) ++at;
  if (pattern.substr(at).starts_with(']')) ++at;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern.substr(at).starts_with("[:")) {
      const std::size_t end = pattern.find(":]", at + 2);
      at = end == std::string_view::npos ? at + 1 : end + 2;
    } else {
      at += pattern[at] == '\\' ? 2 : 1;
    }
  }
  return std::min(at + 1, pattern.size());
}

// Behind what is no group at `at`.
std::size_t behind(std::string_view pattern, std::size_t at) {
  if (pattern[at] == '[') return class_end(pattern, at);
  if (pattern[at] != '\\') return at + 1;
  if (!pattern.substr(at).starts_with("\\Q")) return std::min(at + 2, pattern.size());
  const std::size_t end = pattern.find("\\E", at + 2);
  return end == std::string_view::npos ? pattern.size() : end + 2;
}

RE2::ErrorCode code_of(std::string_view pattern) {
  return compile_regex(read_regex(pattern))->error_code();
}

}  // namespace

RegexSyntax read_regex(std::string_view pattern) {
  RegexSyntax syntax;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::string_view rest = pattern.substr(at);
    const bool java = rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!");
    if (!java && !rest.starts_with("(?P<")) {
      const std::size_t end = behind(pattern, at);
      syntax.re2 += pattern.substr(at, end - at);
      at = end;
      continue;
    }
    syntax.re2 += "(?P<";
    at += java ? 3 : 4;
    const std::size_t end = pattern.find('>', at);
    if (end != std::string_view::npos) {
      syntax.groups.push_back({std::string(pattern.substr(at, end - at)), {at, end}});
    }
  }
  return syntax;
}

RegexSyntax keep_groups(const RegexSyntax& syntax, const std::vector<int>& kept) {
  RegexSyntax made;
  const std::string_view pattern = syntax.re2;
  int group = 0;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::string_view rest = pattern.substr(at);
    const bool named = rest.starts_with("(?P<");
    const std::size_t end = behind(pattern, at);
    if (!named && (rest.front() != '(' || rest.starts_with("(?"))) {
      made.re2 += pattern.substr(at, end - at);
      at = end;
      continue;
    }
    made.re2 += std::ranges::find(kept, ++group) == kept.end() ? "(?:" : "(";
    at = named ? pattern.find('>', at) + 1 : end;
  }
  return made;
}

std::unique_ptr<RE2> compile_regex(const RegexSyntax& syntax) {
  RE2::Options options;
  options.set_log_errors(false);
  return std::make_unique<RE2>(syntax.re2, options);
}

PatternRange regex_fault(std::string_view pattern, const RE2& failed) {
  const PatternRange whole{0, pattern.size()};
  if (pattern.size() > kLongest) return whole;
  switch (failed.error_code()) {
    case RE2::ErrorTrailingBackslash: return {pattern.size() - 1, pattern.size()};
    case RE2::ErrorMissingParen:
      // The first one that is not closed stands behind the longest beginning that is a pattern.
      for (std::size_t size = pattern.size() - 1; size > 0; --size) {
        if (code_of(pattern.substr(0, size)) == RE2::NoError) return {size, size + 1};
      }
      return {0, 1};
    case RE2::ErrorMissingBracket: {
      const std::string& bracket = failed.error_arg();
      return pattern.ends_with(bracket) ? PatternRange{pattern.size() - bracket.size(), pattern.size()} : whole;
    }
    case RE2::ErrorPatternTooLarge:
    case RE2::ErrorInternal:
    case RE2::ErrorBadUTF8: return whole;
    default: break;
  }
  // All else RE2 finds where it stands: at the end of the shortest beginning that is wrong in this way.
  const std::string& wrong = failed.error_arg();
  std::size_t first = 0;
  for (std::size_t end = 1; end <= pattern.size(); ++end) {
    const std::string_view beginning = pattern.substr(0, end);
    const auto part = compile_regex(read_regex(beginning));
    if (part->error_code() != failed.error_code()) continue;
    if (first == 0) first = end;
    if (part->error_arg() == wrong && beginning.ends_with(wrong)) return {end - wrong.size(), end};
  }
  if (first == 0) return whole;
  // RE2 has another name for a group than the pattern.
  const std::size_t group = pattern.substr(0, first).rfind("(?");
  const bool named = failed.error_code() == RE2::ErrorBadNamedCapture && group != std::string_view::npos;
  return {named ? group : first - 1, first};
}

}  // namespace streamrun
