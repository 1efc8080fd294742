#include "runner/config/yaml.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runner/config/yaml_variables.h"

namespace streamrun {
namespace {

std::optional<std::string> variable(std::string_view name) {
  if (name == "A") return "alpha";
  if (name == "N") return "42";
  if (name == "EMPTY") return "";
  if (name == "LINES") return "a: 1\nb: 2";
  if (name == "BYTES") return "\xFF";
  if (name == "TRICK") return "x, y: [z";
  return std::nullopt;
}

std::optional<SyntaxNode> parse_and_replace(const SourceText& source, Diagnostics& diagnostics) {
  auto tree = parse_yaml(source, diagnostics);
  if (tree) VariableReplacer(variable, diagnostics).replace(*tree);
  return tree;
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// The first diagnostic as LINE:COLUMN CODE, or `ok`.
std::string verdict(const std::string& text) {
  const SourceText source("f.yaml", text);
  Diagnostics diagnostics;
  const auto tree = parse_and_replace(source, diagnostics);
  const auto all = diagnostics.sorted();
  if (all.empty()) return tree ? "ok" : "silent";
  const LineColumn place = source.locate(all[0].span.begin);
  CHECK(render_text(all[0], source).size() < 2000);
  return std::to_string(place.line) + ":" + std::to_string(place.column) + " " + all[0].code;
}

std::string bomb() {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string from = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + from + repeat(", " + from, 8) + "]\n";
  }
  return text;
}

TEST_CASE("hostile and broken files are refused at their place, at once") {
  struct Case {
    std::string text, verdict;
  };
  const std::string long_text(300'000, 'x');
  const std::vector<Case> cases{
      {"", "1:1 empty-file"},
      {"# only a note\n", "1:1 empty-file"},
      {"---\n...\n", "1:1 empty-file"},
      {"a: 1\n---\nb: 2\n", "2:1 second-document"},
      {"a: 1\n...\n---\nb: 2\n", "3:1 second-document"},
      {"a: 1\nb: 2\na: 3\n", "3:1 duplicate-key"},
      {"a: 1\n'a': 3\n", "2:1 duplicate-key"},
      {"x: {a: 1, b: 2, a: 3}\n", "1:17 duplicate-key"},
      {"a: &x [*x]\n", "1:8 alias-cycle"},
      {"a: &x {b: {c: *x}}\n", "1:15 alias-cycle"},
      {bomb(), "6:10 too-many-nodes"},
      {"a: &x " + long_text + "\nb: [*x, *x, *x, *x]\n", "2:13 too-large"},
      {"a: " + repeat("[", 9999) + repeat("]", 9999), "1:103 too-deep"},
      {"a: " + repeat("[", 9999), "1:4 yaml-syntax"},
      {"a: " + repeat("{a: ", 9999), "1:397 too-deep"},
      {repeat("- ", 10'000) + "x\n", "1:201 too-deep"},
      {"a: " + repeat("[", 10'001), "1:10004 too-many-nodes"},
      {repeat("- a\n", 100'001), "100000:3 too-many-nodes"},
      {std::string(2'000'000, 'a'), "1:1 too-large"},
      {"a: \xFF\n", "1:4 bad-utf8"},
      {"a: \xED\xA0\x80\n", "1:4 bad-utf8"},
      {"a: \xC0\x80\n", "1:4 bad-utf8"},
      {std::string("\xFF\xFE"
                   "a\0:\0",
                   6),
       "1:1 bad-utf8"},
      {std::string("a\0:\0 \0", 6), "1:1 bad-utf8"},
      {std::string("a: b\0c\n", 7), "1:5 control-character"},
      {"a: b\x04"
       "c\n",
       "1:5 control-character"},
      {"a: \xC2\x9B"
       "2J\n",
       "1:4 control-character"},
      {"a: \"x\\0y\"\n", "1:6 control-character"},
      {"a: \"\\_\"\n", "1:4 bad-utf8"},
      {"a: 'never closed\nb: 1\n", "1:4 yaml-syntax"},
      {"a: 1\nb: [\"x\", \"never closed]\n", "2:10 yaml-syntax"},
      {"a: \"never closed", "1:4 yaml-syntax"},
      {",", "1:1 yaml-syntax"},
      {",\n", "1:1 yaml-syntax"},
      {"a:\n\t- b\n", "2:1 yaml-syntax"},
      {"a: [1,,2]\n", "1:7 yaml-syntax"},
      {"a: [,]\n", "1:5 yaml-syntax"},
      {"a: [1, 2\nb: 3\n", "1:4 yaml-syntax"},
      {"a: b: c\n", "1:5 yaml-syntax"},
      {"a: }\n", "1:4 yaml-syntax"},
      {"a: 'x' = y\n", "1:8 yaml-syntax"},
      {"a: `x y` > 1\n", "1:4 yaml-syntax"},
      {"a: @x\n", "1:4 yaml-syntax"},
      {"a: *nobody\n", "1:4 unknown-alias"},
      {"a: !x 1\n", "1:4 tag"},
      {"a: !!str 1\n", "1:4 tag"},
      {"a: &q !x {b: 1}\n", "1:7 tag"},
      {"a: !(b > 0)\n", "1:4 tag"},
      {"a: &x 1\nb: &x 2\n", "2:4 duplicate-anchor"},
      {"? [a, b]\n: 1\n", "1:3 yaml-syntax"},
      {"<<: {a: 1}\n", "1:1 merge-key"},
      {": 1\n", "1:1 yaml-syntax"},
      {"a: {filter: concat(a, b)}\n", "1:13 cut-expression"},
      {"a: {filter: b = 'x, y'}\n", "1:13 cut-expression"},
      {"a: {b: decimal(10,2)}\n", "1:8 cut-expression"},
      {"a: b = 'x #1'\n", "1:4 cut-expression"},
      {"a: ${NOBODY}\n", "1:4 unset-variable"},
      {"a: x ${NOBODY:?set it} y\n", "1:6 unset-variable"},
      {"a: ${EMPTY:?set it}\n", "1:4 unset-variable"},
      {"a: '${LINES}'\n", "1:5 control-character"},
      {"a: ${BYTES}\n", "1:4 bad-utf8"},
      {"a: \"ä ${1x}\"\n", "1:7 bad-variable"},
      {"a: ${A\n", "1:4 bad-variable"},
  };
  for (const Case& one : cases) {
    INFO(one.text.substr(0, 80));
    CHECK(verdict(one.text) == one.verdict);
  }
}

TEST_CASE("remedies are named") {
  for (const char* text : {"a: {filter: concat(a, b)}\n", "a: 'x' = y\n", "a: b: c\n", "a: `x` > 1\n", "a: !x\n",
                           "a: [b, c(1}\n", "a: *b > 1\n"}) {
    INFO(text);
    Diagnostics diagnostics;
    parse_yaml(SourceText("f", text), diagnostics);
    REQUIRE_FALSE(diagnostics.sorted().empty());
    CHECK(diagnostics.sorted()[0].message.find("quote the whole expression") != std::string::npos);
  }
}

TEST_CASE("all faults that leave a tree are found in one run") {
  Diagnostics diagnostics;
  parse_and_replace(SourceText("f", "a: ${X}\na: 1\nb: !t 1\nc: ${Y}\n"), diagnostics);
  CHECK(diagnostics.error_count() == 4);
}

TEST_CASE("a tree keeps order, kinds, quotes and places") {
  const std::string text =
      "a: 1\nb: '1'\nc:\n  - x\n  -\n  - null\n  - ~\nd: {k: v, n: }\ne:\nnull: yes\nf: |\n  text\ng: &g [1, "
      "\"two\"]\nh: *g\n";
  const SourceText source("f.yaml", text);
  Diagnostics diagnostics;
  const auto tree = parse_yaml(source, diagnostics);
  REQUIRE(tree);
  CHECK_FALSE(diagnostics.has_errors());
  using Kind = SyntaxNode::Kind;
  CHECK(tree->kind == Kind::mapping);
  REQUIRE(tree->entries.size() == 9);
  CHECK(tree->find("a")->plain);
  CHECK_FALSE(tree->find("b")->plain);
  CHECK(tree->find("b")->span == Span{8, 11});
  const SyntaxNode& c = *tree->find("c");
  REQUIRE(c.items.size() == 4);
  CHECK(c.items[1].kind == Kind::null);
  CHECK(c.items[1].text.value().empty());
  CHECK(source.locate(c.items[1].span.begin).line == 5);
  CHECK(c.items[2].kind == Kind::null);
  CHECK(c.items[2].text.value() == "null");
  CHECK(c.items[3].text.value() == "~");
  CHECK(tree->find("d")->find("n")->kind == Kind::null);
  CHECK(text.substr(tree->find("d")->span.begin, tree->find("d")->span.end - tree->find("d")->span.begin) ==
        "{k: v, n: }");
  CHECK(tree->find("e")->text.value().empty());
  CHECK(source.locate(tree->find("e")->span.begin).line == 9);
  REQUIRE(tree->find("null") != nullptr);
  CHECK(tree->find("null")->text.value() == "yes");
  CHECK_FALSE(tree->find("f")->plain);
  CHECK(tree->find("h")->items.size() == 2);
  CHECK(tree->find("h")->items[1].span == tree->find("g")->items[1].span);
  CHECK(tree->find("zz") == nullptr);
}

TEST_CASE("variables are replaced within scalars and add no structure") {
  struct Case {
    const char *text, *value;
    bool plain;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"${A}", "alpha", true},
           {"x${A}y${N}", "xalphay42", true},
           {"\"${N}\"", "42", true},
           {"\"n${N}\"", "n42", false},
           {"'${A}'", "alpha", true},
           {"${X:-def}", "def", true},
           {"${EMPTY:-def}", "def", true},
           {"\"${EMPTY}\"", "", true},
           {"\"${X:-${A}!}\"", "alpha!", true},
           {"${A:?needed}", "alpha", true},
           {"${TRICK}", "x, y: [z", true},
           {"$$", "$", true},
           {"$${A}", "${A}", true},
           {"$.a[$x]$", "$.a[$x]$", true},
           {"${X:-{batch}}", "{batch}", true},
           {"\"${X:-}\"", "", true},
       }) {
    INFO(one.text);
    Diagnostics diagnostics;
    const auto tree = parse_and_replace(SourceText("f", std::string("${A}: ") + one.text), diagnostics);
    REQUIRE(tree);
    CHECK_FALSE(diagnostics.has_errors());
    const SyntaxNode* node = tree->find("alpha");
    REQUIRE(node != nullptr);
    CHECK(node->text.value() == one.value);
    CHECK(node->plain == one.plain);
  }
  Diagnostics diagnostics;
  const auto tree = parse_and_replace(SourceText("f", "a: \"é ${A} > b\""), diagnostics);
  REQUIRE(tree);
  const LocatedText& text = tree->find("a")->text;  // é alpha > b
  CHECK(text.span(3, 8) == Span{7, 11});
  CHECK(text.span(11, 12) == Span{14, 15});
}

TEST_CASE("only regular files are read") {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("yaml_test_" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const std::string file = folder / "a.yaml";
  std::ofstream(file) << "\xEF\xBB\xBF"
                         "a: 1\n";
  const std::string large = folder / "large.yaml";
  std::ofstream(large) << std::string(3'000'000, 'x');
  for (const auto& [path, code] : {std::pair{fifo, "not-a-file"},
                                   {std::string("/dev/zero"), "not-a-file"},
                                   {folder.string(), "not-a-file"},
                                   {folder.string() + "/none", "unreadable-file"},
                                   {large, "too-large"}}) {
    INFO(path);
    Diagnostics diagnostics;
    CHECK_FALSE(load_source_text(path, diagnostics));
    REQUIRE(diagnostics.error_count() == 1);
    CHECK(diagnostics.sorted()[0].code == code);
    CHECK(diagnostics.sorted()[0].span == Span{});
  }
  Diagnostics diagnostics;
  const auto loaded = load_source_text(file, diagnostics);
  REQUIRE(loaded);
  CHECK(loaded->text() == "a: 1\n");
  std::filesystem::remove_all(folder);
}

TEST_CASE("the largest files are read in little time and memory") {
  for (const std::string& text :
       {repeat("- a\n", 99'998), repeat("[", 0) + "[" + repeat("a,", 99'000) + "a]", repeat("'", 1'000'000),
        repeat("? ", 500'000), repeat("&a ", 300'000), "a: \"" + repeat("\\n", 500'000) + "\"",
        "a: " + repeat("${A}", 200'000), repeat("a: ", 300'000), repeat("|\n", 500'000),
        "a: |\n" + repeat("  b\n", 250'000), repeat("#\n", 500'000), "{" + repeat("a", 1'000'000),
        repeat("%a b\n", 200'000), repeat("---\n", 250'000), repeat("...\n", 250'000), repeat(",\n", 500'000),
        "a: " + repeat("${X:-", 200'000), "a: >\n" + repeat("\n", 1'000'000) + "  x"}) {
    INFO(text.substr(0, 20));
    Diagnostics diagnostics;
    const bool tree = parse_and_replace(SourceText("f", text), diagnostics).has_value();
    CHECK((tree || diagnostics.has_errors()));
  }
}

}  // namespace
}  // namespace streamrun
