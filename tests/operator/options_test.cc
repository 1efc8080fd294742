#include "runner/operator/options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runner/operator/option_faults.h"

namespace streamrun {

enum class Colour { red, green };
template <>
struct EnumNames<Colour> {
  static constexpr std::pair<std::string_view, Colour> names[] = {{"red", Colour::red}, {"green", Colour::green}};
};

namespace {

SyntaxNode scalar(std::string text, bool plain = true, std::uint32_t at = 0) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::scalar;
  node.plain = plain;
  node.span = {at, at + static_cast<std::uint32_t>(text.size())};
  node.text = LocatedText(std::move(text), node.span);
  return node;
}
SyntaxNode nothing() {
  return {};
}
SyntaxNode list(std::vector<SyntaxNode> items) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::sequence;
  node.items = std::move(items);
  return node;
}
SyntaxNode mapping(std::vector<std::pair<std::string, SyntaxNode>> entries) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::mapping;
  node.span = {7, 9};
  std::uint32_t at = 1000;
  for (auto& [key, value] : entries) {
    node.entries.push_back({LocatedText(key, {at, at + static_cast<std::uint32_t>(key.size())}), std::move(value)});
    at += 100;
  }
  return node;
}

struct Decoding {
  Diagnostics diagnostics;
  DecodeContext context{diagnostics};
  std::string code() const {
    const auto all = diagnostics.sorted();
    return all.empty() ? "ok" : all[0].code;
  }
  std::string message() const {
    const auto all = diagnostics.sorted();
    return all.empty() ? "" : all[0].message;
  }
};

template <class T>
std::string code_of(const SyntaxNode& node, T out = {}) {
  Decoding decoding;
  const bool good = Codec<T>::decode(node, out, decoding.context);
  CHECK(good == (decoding.code() == "ok"));
  return decoding.code();
}

TEST_CASE("whole numbers are just that") {
  struct Case {
    const char* text;
    std::string code;
  };
  for (const Case& one : std::initializer_list<Case>{{"0", "ok"},
                                                     {"42", "ok"},
                                                     {"-1", "out-of-range"},
                                                     {"010", "wrong-type"},
                                                     {"1e400", "wrong-type"},
                                                     {"12345678901234567890", "out-of-range"},
                                                     {".nan", "wrong-type"},
                                                     {"1.0", "wrong-type"},
                                                     {"0x10", "wrong-type"},
                                                     {"+1", "wrong-type"},
                                                     {"1_000", "wrong-type"},
                                                     {"", "wrong-type"},
                                                     {"-", "wrong-type"},
                                                     {"5000000000", "out-of-range"}}) {
    INFO(one.text);
    CHECK(code_of<std::uint32_t>(scalar(one.text)) == one.code);
  }
  std::int64_t value = 0;
  Decoding decoding;
  CHECK(Codec<std::int64_t>::decode(scalar("-9223372036854775808"), value, decoding.context));
  CHECK(value == std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(Codec<std::int64_t>::decode(scalar("1", false), value, decoding.context));
  CHECK(decoding.message() == "expected a whole number; found the text '1': write 1 without quotes");
  CHECK(code_of<std::uint64_t>(scalar("9223372036854775807")) == "ok");
  CHECK(code_of<std::uint64_t>(scalar("9223372036854775808")) == "out-of-range");
  CHECK(code_of<std::int64_t>(nothing()) == "wrong-type");
  CHECK(code_of<std::int64_t>(list({})) == "wrong-type");
}

TEST_CASE("other scalars") {
  for (const char* good : {"1", "1.5", "-0.25", "1e3", "2E-5"}) CHECK(code_of<double>(scalar(good)) == "ok");
  for (const char* bad : {".nan", ".inf", "1.", ".5", "010", "x", "1e", "inf", "nan", "0x1p3"}) {
    INFO(bad);
    CHECK(code_of<double>(scalar(bad)) == "wrong-type");
  }
  CHECK(code_of<double>(scalar("1e400")) == "out-of-range");
  CHECK(code_of<bool>(scalar("true")) == "ok");
  CHECK(code_of<bool>(scalar("yes")) == "wrong-type");
  CHECK(code_of<bool>(scalar("true", false)) == "wrong-type");
  CHECK(code_of<Duration>(scalar("5m")) == "ok");
  CHECK(code_of<Duration>(scalar("5")) == "bad-duration");
  CHECK(code_of<ByteSize>(scalar("5KiB")) == "ok");
  CHECK(code_of<ByteSize>(scalar("-5")) == "bad-size");
  CHECK(code_of<char>(scalar(";")) == "ok");
  CHECK(code_of<char>(scalar(";;")) == "wrong-type");
  CHECK(code_of<char>(scalar("é")) == "wrong-type");
  CHECK(code_of<std::string>(scalar("010")) == "ok");
  CHECK(code_of<std::string>(list({})) == "wrong-type");
  CHECK(code_of<ExprText>(mapping({})) == "wrong-type");
  CHECK(code_of<NameText>(scalar("")) == "wrong-type");
  CHECK(code_of<StreamName>(scalar("tx.errors")) == "ok");
  SyntaxNode null = scalar("null");
  null.kind = SyntaxNode::Kind::null;
  CHECK(code_of<ExprText>(null) == "ok");
  CHECK(code_of<std::int64_t>(null) == "wrong-type");
}

TEST_CASE("choices offer the nearest") {
  Decoding decoding;
  Colour colour = Colour::red;
  CHECK(Codec<Colour>::decode(scalar("green"), colour, decoding.context));
  CHECK(colour == Colour::green);
  CHECK_FALSE(Codec<Colour>::decode(scalar("Red"), colour, decoding.context));
  CHECK(decoding.message() == "expected one of red, green; found 'Red'; names are case-sensitive: did you mean 'red'?");
}

TEST_CASE("keys, named expressions, lists and rows") {
  Decoding decoding;
  KeyOption key;
  CHECK(Codec<KeyOption>::decode(scalar("a"), key, decoding.context));
  CHECK(Codec<KeyOption>::decode(list({scalar("b"), scalar("`c d`")}), key, decoding.context));
  CHECK(Codec<KeyOption>::decode(mapping({{"e", scalar("x + 1")}, {"f", nothing()}}), key, decoding.context));
  REQUIRE(key.columns.size() == 5);
  CHECK(key.columns[2].name.value() == "c d");
  CHECK(key.columns[3].expr->text.value() == "x + 1");
  CHECK_FALSE(key.columns[4].expr);
  CHECK(code_of<KeyOption>(list({})) == "wrong-type");
  CHECK(code_of<KeyOption>(nothing()) == "wrong-type");
  CHECK(code_of<KeyOption>(list({scalar("a"), scalar("a")})) == "duplicate-name");

  NamedExprs exprs;
  CHECK(Codec<NamedExprs>::decode(mapping({{"n", scalar("1")}}), exprs, decoding.context));
  REQUIRE(exprs.size() == 1);
  CHECK(exprs[0].expr.text.value() == "1");
  CHECK(column_expression(LocatedText("a", {})).text.value() == "a");
  CHECK(column_expression(LocatedText("b c", {})).text.value() == "`b c`");
  CHECK(code_of<NamedExprs>(list({scalar("a")})) == "wrong-type");
  CHECK(code_of<NamedExprs>(mapping({})) == "wrong-type");
  CHECK(code_of<NamedExprs>(mapping({{"n", nothing()}})) == "wrong-type");
  CHECK(code_of<NamedExprs>(scalar("a")) == "wrong-type");

  std::vector<std::string> texts;
  CHECK(Codec<std::vector<std::string>>::decode(scalar("one"), texts, decoding.context));
  CHECK(Codec<std::vector<std::string>>::decode(list({scalar("two"), scalar("three")}), texts, decoding.context));
  CHECK(texts == std::vector<std::string>{"one", "two", "three"});
  CHECK(code_of<std::vector<std::string>>(nothing()) == "wrong-type");
  CHECK(code_of<RowNodes>(list({mapping({})})) == "ok");
  CHECK(code_of<RowNodes>(mapping({})) == "wrong-type");
  CHECK(decoding.code() == "ok");
}

TEST_CASE("schemas stand inline or in a file") {
  Decoding decoding;
  SchemaOption schema;
  CHECK(Codec<SchemaOption>::decode(mapping({{"id", scalar("bigint")}, {"v", scalar("decimal(10,2)")}}), schema,
                                    decoding.context));
  REQUIRE(schema.schema.columns.size() == 2);
  CHECK(schema.schema.columns[1].type.name() == "decimal(10,2)");
  CHECK(schema.spans.size() == 2);
  CHECK(code_of<SchemaOption>(mapping({{"id", scalar("bigfoot")}})) == "bad-type");
  CHECK(code_of<SchemaOption>(mapping({{"id", nothing()}})) == "wrong-type");
  CHECK(code_of<SchemaOption>(mapping({})) == "wrong-type");
  CHECK(code_of<SchemaOption>(scalar("a.yaml")) == "unreadable-file");
  std::string asked;
  decoding.context.load_schema = [&](const std::string& path, Span, SchemaOption&) {
    asked = path;
    return true;
  };
  CHECK(Codec<SchemaOption>::decode(scalar("a.yaml"), schema, decoding.context));
  CHECK(asked == "a.yaml");
}

TEST_CASE("secrets are texts, variables or files of one's own") {
  Decoding decoding;
  Secret secret;
  CHECK(Codec<Secret>::decode(scalar("s"), secret, decoding.context));
  CHECK(secret.reveal() == "s");
  ::setenv("OPTIONS_TEST_SECRET", "from the environment", 1);
  CHECK(Codec<Secret>::decode(mapping({{"env", scalar("OPTIONS_TEST_SECRET")}}), secret, decoding.context));
  CHECK(secret.reveal() == "from the environment");
  CHECK(code_of<Secret>(mapping({{"env", scalar("OPTIONS_TEST_NONE")}})) == "unset-variable");
  CHECK(code_of<Secret>(mapping({{"envs", scalar("X")}})) == "unknown-key");
  CHECK(code_of<Secret>(mapping({{"env", scalar("X")}, {"file", scalar("X")}})) == "wrong-type");
  CHECK(code_of<Secret>(list({})) == "wrong-type");
  const std::string path = std::filesystem::temp_directory_path() / ("options_test_" + std::to_string(::getpid()));
  std::ofstream(path) << "from a file\n";
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK(code_of<Secret>(mapping({{"file", scalar(path)}})) == "secret-file-mode");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  CHECK(Codec<Secret>::decode(mapping({{"file", scalar(path)}}), secret, decoding.context));
  CHECK(secret.reveal() == "from a file");
  std::filesystem::remove(path);
  CHECK(code_of<Secret>(mapping({{"file", scalar(path)}})) == "unreadable-file");
  CHECK(code_of<Secret>(mapping({{"file", scalar("/dev/zero")}})) == "unreadable-file");
}

struct Inner {
  std::int64_t depth = 0;
  static const OptionTable& options() {
    static const OptionTable table = Options<Inner>{}.required("depth", &Inner::depth, "how deep", {1, 10}).table();
    return table;
  }
};

struct Sample {
  std::string name;
  std::int64_t count = 3;
  std::optional<ByteSize> limit;
  Colour colour = Colour::red;
  std::vector<Inner> inner;
  NamedExprs to;
};

OptionTable sample_table() {
  return Options<Sample>{}
      .required("name", &Sample::name, "what it is called")
      .optional("count", &Sample::count, "3", "how many", {1, 100})
      .optional("limit", &Sample::limit, "", "how much", {1024})
      .optional("colour", &Sample::colour, "red", "which")
      .optional("inner", &Sample::inner, "", "more")
      .table();
}

TEST_CASE("a table decodes a mapping and finds all its faults") {
  const OptionTable table = sample_table();
  Sample out;
  Decoding good;
  CHECK(table.decode(mapping({{"name", scalar("x")},
                              {"count", scalar("7")},
                              {"limit", scalar("2KiB")},
                              {"inner", mapping({{"depth", scalar("10")}})}}),
                     &out, "step 's'", good.context));
  CHECK(out.name == "x");
  CHECK(out.count == 7);
  CHECK(out.limit->bytes == 2048);
  REQUIRE(out.inner.size() == 1);
  CHECK(out.inner[0].depth == 10);
  CHECK(good.code() == "ok");

  Decoding bad;
  CHECK_FALSE(table.decode(mapping({{"cuont", scalar("7")},
                                    {"count", scalar("0", true, 2000)},
                                    {"limit", scalar("1", true, 2100)},
                                    {"inner", mapping({{"depth", scalar("11", true, 2200)}})},
                                    {"zzzzzz", nothing()}}),
                           &out, "step 's'", bad.context));
  std::vector<std::string> said;
  for (const Diagnostic& one : bad.diagnostics.sorted()) said.push_back(one.code + ": " + one.message);
  CHECK(said == std::vector<std::string>{
                    "missing-key: step 's' needs 'name': what it is called (text)",
                    "unknown-key: step 's' has no option 'cuont'; did you mean 'count'?",
                    "unknown-key: step 's' has no option 'zzzzzz'; it has: name, count, limit, colour, inner",
                    "out-of-range: 'count' must be between 1 and 100, not 0",
                    "out-of-range: 'limit' must be at least 1KiB, not 1",
                    "out-of-range: 'depth' must be between 1 and 10, not 11",
                });
  Decoding wrong;
  CHECK_FALSE(table.decode(scalar("x"), &out, "step 's'", wrong.context));
  CHECK(wrong.code() == "wrong-type");
  Decoding missing;
  CHECK_FALSE(table.decode(nothing(), &out, "step 's'", missing.context));
  CHECK(missing.code() == "missing-key");
  Decoding known;
  CHECK(
      table.decode_known(mapping({{"name", scalar("x")}, {"other", scalar("y")}}), &out, "source 's'", known.context));
  CHECK_FALSE(table.decode_known(mapping({{"other", scalar("y")}}), &out, "source 's'", known.context));
}

TEST_CASE("an argument may be a whole") {
  const OptionTable both =
      Options<Sample>{}.whole(&Sample::to, "expressions").required("name", &Sample::name, "what it is called").table();
  Sample out;
  Decoding decoding;
  CHECK(both.decode(mapping({{"name", scalar("n")}}), &out, "step 's'", decoding.context));
  CHECK(out.name == "n");
  CHECK(both.decode(mapping({{"name", scalar("n")}, {"b", scalar("1")}}), &out, "step 's'", decoding.context));
  CHECK(out.to.size() == 2);
  CHECK_FALSE(both.may_be_bare());

  const OptionTable only = Options<Sample>{}.whole(&Sample::count, "how many", {1, 5}).table();
  CHECK(only.decode(scalar("5"), &out, "step 's'", decoding.context));
  CHECK(out.count == 5);
  CHECK(decoding.code() == "ok");
  CHECK_FALSE(only.decode(scalar("6"), &out, "step 's'", decoding.context));
  CHECK(decoding.message() == "must be between 1 and 5, not 6");
  Decoding nothing_there;
  CHECK_FALSE(only.decode(nothing(), &out, "step 's'", nothing_there.context));
  CHECK(nothing_there.code() == "missing-key");
  Decoding a_mapping;
  CHECK_FALSE(only.decode(mapping({{"a", scalar("1")}}), &out, "step 's'", a_mapping.context));
  CHECK(a_mapping.code() == "wrong-type");

  const OptionTable bare = Options<Sample>{}.optional("count", &Sample::count, "3", "how many").table();
  CHECK(bare.may_be_bare());
  CHECK(bare.decode(nothing(), &out, "step 's'", decoding.context));
}

TEST_CASE("shapes are shown as users write them") {
  CHECK(Codec<Colour>::shape().to_string() == "red | green");
  CHECK(Codec<std::vector<NameText>>::shape().to_string() == "[name]");
  CHECK(Codec<NamedExprs>::shape().to_string() == "{name: expression}");
  CHECK(Codec<KeyOption>::shape().to_string() == "name | [name] | {name: expression}");
  CHECK(Codec<std::vector<Inner>>::shape().to_string() == "[{depth: integer from 1 to 10}]");
  CHECK(Codec<std::optional<Duration>>::shape().to_string() == "duration");
}

}  // namespace
}  // namespace streamrun
