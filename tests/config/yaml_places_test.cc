// Every character of every scalar, in all five styles, is found again at its own place.
#include <catch2/catch.hpp>
#include <random>

#include "runner/config/yaml.h"
#include "runner/config/yaml_variables.h"

namespace streamrun {
namespace {

struct Written {
  std::string text;  // as it stands behind `k: `
  std::string value;
  std::vector<std::uint32_t> places;  // of each byte of the value, in `text`; npos: not told
};
constexpr std::uint32_t kAnywhere = 0xFFFFFFFF;

class Writer {
 public:
  explicit Writer(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }

  Written write(int style) {
    made_ = {};
    const std::size_t words = 1 + below(6);
    switch (style) {
      case 0: put_words(words, "plain"); break;
      case 1:
        made_.text = "'";
        put_words(words, "single");
        made_.text += "'";
        break;
      case 2:
        made_.text = "\"";
        put_words(words, "double");
        made_.text += "\"";
        break;
      default: put_block(style == 4, words); break;
    }
    return made_;
  }

 private:
  void both(std::string_view bytes) {
    for (const char c : bytes) {
      made_.places.push_back(static_cast<std::uint32_t>(made_.text.size()));
      made_.text += c;
      made_.value += c;
    }
  }
  void escaped(std::string_view text, std::string_view value) {
    for (const char c : value) {
      made_.places.push_back(static_cast<std::uint32_t>(made_.text.size()));
      made_.value += c;
    }
    made_.text += text;
  }
  void word(std::string_view kind) {
    static const std::vector<std::string> parts{"a", "bc", "1", "é", "€", "𝄞", "x.y", "+", "(d)", "g>0", "sum"};
    const std::size_t n = 1 + below(3);
    for (std::size_t i = 0; i < n; ++i) {
      // Words begin with a letter, so that none looks like an indicator.
      both(i == 0 ? parts[below(2)] : parts[below(parts.size())]);
      if (kind == "single" && below(3) == 0) escaped("''", "'");
      if (kind == "plain" && below(3) == 0) both(below(2) == 0 ? "'" : "\"");
      if (kind == "double" && below(2) == 0) {
        static const std::vector<std::pair<std::string, std::string>> escapes{
            {"\\\"", "\""}, {"\\\\", "\\"}, {"\\u00e9", "é"}, {"\\U0001D11E", "𝄞"},
            {"\\x41", "A"}, {"\\n", "\n"},  {"\\t", "\t"},    {"\\/", "/"}};
        const auto& [text, value] = escapes[below(escapes.size())];
        escaped(text, value);
      }
    }
  }
  void fold() {
    const std::size_t empty = below(3);
    const std::string value = empty == 0 ? " " : std::string(empty, '\n');
    for (const char c : value) {
      made_.places.push_back(kAnywhere);
      made_.value += c;
    }
    made_.text += "\n";
    for (std::size_t i = 0; i < empty; ++i) made_.text += below(2) == 0 ? "\n" : "  \n";
    made_.text += std::string(3 + below(3), ' ');
  }
  void put_words(std::size_t words, std::string_view kind) {
    word(kind);
    for (std::size_t i = 1; i < words; ++i) {
      if (below(3) == 0) {
        fold();
      } else {
        both(below(4) == 0 ? "  " : " ");
      }
      word(kind);
    }
  }
  void put_block(bool folded, std::size_t lines) {
    made_.text = folded ? ">" : "|";
    static const std::vector<std::string> chomps{"", "-", "+"};
    const std::size_t chomp = below(3);
    made_.text += chomps[chomp] + (below(4) == 0 ? "  # note" : "") + "\n";
    for (std::size_t i = 0; i < lines; ++i) {
      made_.text += "    ";
      word("block");
      both(" ");
      word("block");
      if (i + 1 == lines) break;
      const std::size_t empty = below(2);
      const std::string value = !folded ? std::string(1 + empty, '\n') : empty == 0 ? " " : "\n";
      for (const char c : value) {
        made_.places.push_back(kAnywhere);
        made_.value += c;
      }
      made_.text += "\n" + std::string(empty, '\n');
    }
    if (chomp != 1) {
      made_.places.push_back(kAnywhere);
      made_.value += "\n";
    }
  }

  std::mt19937 random_;
  Written made_;
};

TEST_CASE("characters of scalars are found in the file") {
  const int style = GENERATE(0, 1, 2, 3, 4);
  Writer writer(static_cast<unsigned>(style) + 1);
  std::size_t checked = 0;
  for (int round = 0; round < 2000; ++round) {
    const Written written = writer.write(style);
    const std::string before = round % 3 == 0 ? "# ä\nk: " : round % 3 == 1 ? "é: 1\r\nk: &x " : "k:\n  ";
    const SourceText source("f.yaml", before + written.text + "\nlast: 1\n");
    INFO(source.text());
    Diagnostics diagnostics;
    const auto tree = parse_yaml(source, diagnostics);
    REQUIRE(tree);
    REQUIRE(tree->find("k") != nullptr);
    const LocatedText& text = tree->find("k")->text;
    REQUIRE(text.value() == written.value);
    CHECK(text.whole().begin == before.size());
    for (std::size_t i = 0; i < written.places.size(); ++i) {
      if (written.places[i] == kAnywhere) continue;
      const auto at = static_cast<std::uint32_t>(i);
      if (text.span(at, at + 1).begin != before.size() + written.places[i]) {
        INFO("byte " << i);
        REQUIRE(text.span(at, at + 1).begin == before.size() + written.places[i]);
      }
      ++checked;
    }
    CHECK(source.locate(tree->find("last")->span.begin).column == 7);
  }
  CHECK(checked > 10'000);
}

TEST_CASE("any text is either a tree or a diagnostic") {
  std::mt19937 random(7);
  static const std::vector<std::string> parts{"a",  ": ",    "\n",    "- ",    "  ",     "[",   "]",    "{",   "}",
                                              ", ", "\"",    "'",     "|\n  ", ">-\n  ", "&x ", "*x",   "!t ", "#",
                                              "? ", "---\n", "...\n", "${A}",  "$",      "é",   "null", "~",   "\\",
                                              "\t", "%",     "@",     "`",     "<<",     ":",   ",",    "\r\n"};
  std::size_t trees = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const std::size_t length = 1 + random() % 16;
    for (std::size_t i = 0; i < length; ++i) text += parts[random() % parts.size()];
    const SourceText source("f.yaml", text);
    INFO(text);
    Diagnostics diagnostics;
    auto tree = parse_yaml(source, diagnostics);
    if (tree) VariableReplacer([](std::string_view) { return std::string("v"); }, diagnostics).replace(*tree);
    if (!tree) REQUIRE(diagnostics.has_errors());
    if (tree) ++trees;
    for (const Diagnostic& one : diagnostics.sorted()) {
      REQUIRE(one.span.begin <= one.span.end);
      REQUIRE(one.span.begin <= text.size());
      REQUIRE_FALSE(render_text(one, source).empty());
    }
  }
  CHECK(trees > 1000);
}

}  // namespace
}  // namespace streamrun
