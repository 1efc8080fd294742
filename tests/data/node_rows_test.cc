#include "runner/data/node_rows.h"

#include <catch2/catch.hpp>

#include "runner/data/text_value.h"

using namespace streamrun;

namespace {

SyntaxNode scalar(std::string text, bool plain = true, Span span = {}) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::scalar;
  node.plain = plain;
  node.span = span;
  node.text = LocatedText(std::move(text), span);
  return node;
}

SyntaxNode sequence(std::vector<SyntaxNode> items) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::sequence;
  node.items = std::move(items);
  return node;
}

SyntaxNode mapping(std::vector<std::pair<std::string, SyntaxNode>> entries) {
  SyntaxNode node;
  node.kind = SyntaxNode::Kind::mapping;
  for (auto& [key, value] : entries) node.entries.push_back({LocatedText(key, {}), std::move(value)});
  return node;
}

std::string row_text(const ColumnPtr& column, std::uint32_t row) {
  std::string out;
  append_text(*column, row, out);
  return out;
}

}  // namespace

TEST_CASE("rows are read by the schema's types") {
  const Schema schema{{{"id", TypeKind::int64},
                       {"price", Type::decimal(38, 2)},
                       {"name", TypeKind::string},
                       {"when", TypeKind::timestamp},
                       {"tags", Type::array(TypeKind::string)},
                       {"m", Type::map(TypeKind::int32, TypeKind::float64)},
                       {"s", Type::structure({{"a", TypeKind::boolean}, {"b", TypeKind::binary}})},
                       {"v", TypeKind::variant}},
                      {{"_file", TypeKind::string}}};
  const std::vector<SyntaxNode> rows = {
      mapping({{"id", scalar("9007199254740993")},
               {"price", scalar("123456789012345678901234567890.10")},
               {"name", scalar("1.10")},
               {"when", scalar("2024-05-06T07:08:09.1Z")},
               {"tags", sequence({scalar("a"), SyntaxNode{}})},
               {"m", mapping({{"1", scalar(".inf")}})},
               {"s", mapping({{"b", scalar("aGVsbG8=")}})},
               {"v", mapping({{"x", sequence({scalar("1.50"), scalar("1", false), scalar("true"), SyntaxNode{}})}})},
               {"_file", scalar("f")}}),
      mapping({{"s", mapping({{"a", scalar("true")}})}})};
  Diagnostics diagnostics;
  const std::vector<ColumnPtr> columns = columns_of_rows(rows, schema, diagnostics);
  CHECK_FALSE(diagnostics.has_errors());
  REQUIRE(columns.size() == 9);
  const char* expected[] = {"9007199254740993",
                            "123456789012345678901234567890.10",
                            "1.10",
                            "2024-05-06 07:08:09.1",
                            "[a, null]",
                            "{1 -> Infinity}",
                            "{null, hello}",
                            R"({"x":[1.5,"1",true,null]})",
                            "f"};
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(row_text(columns[i], 0) == expected[i]);
    CHECK(columns[i]->rows() == 2);
    CHECK(row_text(columns[i], 1) == (i == 6 ? "{true, null}" : "null"));
  }
}

TEST_CASE("what does not fit is a diagnostic at its place") {
  const Schema schema{{{"id", TypeKind::int32}, {"tags", Type::array(TypeKind::int32)}}, {}};
  const std::vector<SyntaxNode> rows = {mapping({{"idd", scalar("1")}}), mapping({{"id", scalar("x", true, {30, 31})}}),
                                        mapping({{"tags", scalar("1", true, {40, 41})}}), scalar("5", true, {50, 51}),
                                        mapping({{"id", scalar("1.5", true, {60, 63})}})};
  Diagnostics diagnostics;
  const std::vector<ColumnPtr> columns = columns_of_rows(rows, schema, diagnostics);
  CHECK(columns[0]->rows() == 5);
  const std::vector<Diagnostic> found = diagnostics.sorted();
  REQUIRE(found.size() == 5);
  CHECK(found[0].code == "unknown-column");
  CHECK(found[0].message == "there is no column 'idd'; did you mean 'id'?");
  CHECK(found[1].span == Span{30, 31});
  CHECK(found[1].message == "'x' is no int; write a whole number in its range");
  CHECK(found[2].message == "'1' is no array<int>; write a sequence");
  CHECK(found[3].span == Span{50, 51});
  CHECK(found[4].code == "type-mismatch");
}

TEST_CASE("bare scalars have the type that YAML sees, widened") {
  const auto type = [](std::vector<SyntaxNode> rows) { return type_of_scalars(rows, Type()).name(); };
  CHECK(type({scalar("1"), scalar("-2")}) == "bigint");
  CHECK(type({scalar("1"), scalar("1.5")}) == "double");
  CHECK(type({scalar("1e3"), SyntaxNode{}, scalar(".nan")}) == "double");
  CHECK(type({scalar("true")}) == "boolean");
  CHECK(type({scalar("true"), scalar("1")}) == "string");
  CHECK(type({scalar("1", false)}) == "string");
  CHECK(type({scalar("2024-01-01")}) == "string");
  CHECK(type({SyntaxNode{}}) == "void");
  CHECK(type({}) == "void");

  Diagnostics diagnostics;
  const ColumnPtr doubles =
      column_of_scalars(std::vector{scalar("1"), scalar("-.inf"), SyntaxNode{}}, TypeKind::float64, diagnostics);
  CHECK_FALSE(diagnostics.has_errors());
  CHECK(row_text(doubles, 0) == "1.0");
  CHECK(row_text(doubles, 1) == "-Infinity");
  CHECK(doubles->is_null(2));
}
