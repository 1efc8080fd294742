// The automaton of patterns, against RE2.
#include "runner/data/regex_automaton.h"

#include <re2/re2.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "runner/data/raw_records.h"
#include "runner/data/text_value.h"

namespace streamrun {
namespace {

using re2::RE2;

// The wanted groups of a match as `[a][]-`, or `no`.
std::string matched(const RegexAutomaton& automaton, std::string_view text, std::size_t groups) {
  std::string padded(text);
  padded.append(kPadding, '"');
  std::vector<std::string_view> found(groups);
  if (!automaton.match(std::string_view(padded).substr(0, text.size()), found.data())) return "no";
  std::string all;
  for (const std::string_view one : found) all += one.data() == nullptr ? "-" : "[" + std::string(one) + "]";
  return all;
}

std::string matched(const RE2& regex, std::string_view text, std::span<const int> groups) {
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) + 1);
  if (!regex.Match({text.data(), text.size()}, 0, text.size(), RE2::ANCHOR_BOTH, found.data(),
                   static_cast<int>(found.size()))) {
    return "no";
  }
  std::string all;
  for (const int group : groups) {
    const re2::StringPiece& one = found[static_cast<std::size_t>(group)];
    all += one.data() == nullptr ? "-" : "[" + one.ToString() + "]";
  }
  return all;
}

std::vector<int> all_groups(const RE2& regex) {
  std::vector<int> groups;
  for (int i = 1; i <= regex.NumberOfCapturingGroups(); ++i) groups.push_back(i);
  return groups;
}

TEST_CASE("regex automaton: which patterns it takes") {
  struct Case {
    const char* pattern;
    bool taken;
  };
  const Case cases[] = {
      {R"re((\S+) (\S+) \[([^\]]+)\] "(\S+)" (\d{3}) (\d+|-)(?: "([^"]*)")?)re", true},
      {R"re(^(?P<key>\w+)=(.*)$)re", true},
      {"(a|b)+c", true},
      {"(.*) (.*)-(.*)", true},
      {"a{2,4}b{3}c{2,}d", true},
      {"", true},
      {"(a|)(b|)", true},
      {"a?a", true},
      {"(a*)*", false},
      {"a||b", false},
      {"a*?", false},
      {"(?i)a", false},
      {"\\bword", false},
      {"[é]", false},
      {"[[:alpha:]]", false},
      {"a^b", false},
      {"\\pL", false},
      {"(a|b)*a(a|b){12}", false},
      {"a{2000}", false},
      {"x{0}", false},
  };
  for (const Case& one : cases) {
    INFO(one.pattern);
    CHECK(RegexAutomaton::compile(one.pattern, {}).has_value() == one.taken);
  }
}

TEST_CASE("regex automaton: lines of a log") {
  const std::string pattern =
      R"re((?P<host>\S+) \S+ (\S+) \[([^\]]+)\] "([A-Z]+) (\S+)(?: HTTP/([\d.]+))?" (\d{3}) (\d+|-)(?: "([^"]*)")?)re";
  const RE2 regex(pattern);
  const std::vector<int> groups = all_groups(regex);
  const auto automaton = RegexAutomaton::compile(pattern, groups);
  REQUIRE(automaton);
  const std::string line = R"(::1 - frank [10/Oct/2000:13:55:36 -0700] "GET /größe?q=𝄞 HTTP/1.0" 200 2326 "curl é")";
  CHECK(matched(*automaton, line, groups.size()) ==
        "[::1][frank][10/Oct/2000:13:55:36 -0700][GET][/größe?q=𝄞][1.0][200][2326][curl é]");
  std::mt19937 random(5);
  const std::string alphabet = " \"-[]1a/";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = line.substr(0, line.size() - random() % 40);
    if (!is_utf8(text)) continue;
    for (std::size_t edits = random() % 3; edits > 0; --edits) {
      text.insert(random() % 30, 1, alphabet[random() % 8]);
    }
    CAPTURE(text);
    REQUIRE(matched(*automaton, text, groups.size()) == matched(regex, text, groups));
    const int third[] = {3};
    REQUIRE(matched(*RegexAutomaton::compile(pattern, third), text, 1) == matched(regex, text, third));
  }
}

// A pattern of the grammar, often one with many ways.
std::string any_pattern(std::mt19937& random, int depth) {
  const std::vector<std::string> atoms = {"a",   "b",    "c",    "é",     "\\d",     "\\D", "\\s", "\\S",
                                          "\\w", "[ab]", "[^a]", "[a-c]", "[^\\s,]", ".",   "\\.", "-",
                                          ",",   " ",    "[,-]", "[]x]",  "[^-a]",   "𝄞"};
  const std::vector<std::string> signs = {"", "", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "{1}"};
  std::string pattern;
  for (std::size_t n = 1 + random() % 4; n > 0; --n) {
    std::string one = atoms[random() % atoms.size()];
    if (depth > 0 && random() % 3 == 0) {
      one = (random() % 3 == 0 ? "(?:" : "(") + any_pattern(random, depth - 1);
      if (random() % 3 == 0) one += "|" + (random() % 5 == 0 ? "" : any_pattern(random, depth - 1));
      one += ")";
    }
    pattern += one + signs[random() % signs.size()];
  }
  return pattern;
}

TEST_CASE("regex automaton: any pattern that it takes matches as RE2 does") {
  std::mt19937 random(8);
  const std::vector<std::string> pieces = {"a",
                                           "b",
                                           "c",
                                           "aa",
                                           "é",
                                           "𝄞",
                                           "1",
                                           "12",
                                           " ",
                                           ",",
                                           "-",
                                           ".",
                                           "x",
                                           "]",
                                           "ab",
                                           "\n",
                                           "a,b",
                                           std::string(17, 'a'),
                                           std::string(20, '1')};
  RE2::Options quiet;
  quiet.set_log_errors(false);
  std::size_t taken = 0;
  std::size_t hits = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string pattern = any_pattern(random, 2);
    const RE2 regex(pattern, quiet);
    CAPTURE(pattern);
    if (!regex.ok()) continue;
    const std::vector<int> groups = all_groups(regex);
    const auto automaton = RegexAutomaton::compile(pattern, groups);
    if (!automaton) continue;
    ++taken;
    for (int texts = 0; texts < 20; ++texts) {
      std::string text;
      for (std::size_t n = random() % 6; n > 0; --n) text += pieces[random() % pieces.size()];
      CAPTURE(text);
      const std::string expected = matched(regex, text, groups);
      hits += expected == "no" ? 0 : 1;
      REQUIRE(matched(*automaton, text, groups.size()) == expected);
    }
  }
  CHECK(taken > 2000);
  CHECK(hits > 3000);
}

}  // namespace
}  // namespace streamrun
