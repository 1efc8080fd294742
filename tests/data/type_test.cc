#include "runner/data/type.h"

#include <catch2/catch.hpp>

using namespace streamrun;

namespace {

std::string reread(std::string_view text) {
  TypeSyntaxError error;
  const auto type = parse_type(text, error);
  return type ? type->name() : "error at " + std::to_string(error.begin) + "-" + std::to_string(error.end);
}

}  // namespace

TEST_CASE("types are read in any spelling and named as Spark names them") {
  CHECK(reread("INTEGER") == "int");
  CHECK(reread(" long ") == "bigint");
  CHECK(reread("numeric") == "decimal(10,0)");
  CHECK(reread("Decimal( 12 , 2 )") == "decimal(12,2)");
  CHECK(reread("dec(5)") == "decimal(5,0)");
  CHECK(reread("map<string, array<array<double>>>") == "map<string,array<array<double>>>");
  CHECK(reread("struct<a: int, `b c` string>") == "struct<a:int,`b c`:string>");
  CHECK(reread("struct<>") == "struct<>");
  CHECK(reread("variant") == "variant");
}

TEST_CASE("a mistake in a type has its place") {
  CHECK(reread("inte") == "error at 0-4");
  CHECK(reread("array<strng>") == "error at 6-11");
  CHECK(reread("array<int") == "error at 9-9");
  CHECK(reread("decimal(39,2)") == "error at 8-12");
  CHECK(reread("decimal(3,4)") == "error at 8-11");
  CHECK(reread("decimal(99999999999)") == "error at 8-19");
  CHECK(reread("int x") == "error at 4-5");
  CHECK(reread("") == "error at 0-0");
  CHECK(reread("struct<a:int,a:int>") == "error at 13-14");
  CHECK(reread("map<variant,int>") == "error at 4-11");
}

TEST_CASE("nesting has a limit") {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "array<";
    text += "int";
    return text + std::string(static_cast<std::size_t>(depth), '>');
  };
  CHECK(reread(nested(100)) == nested(100));
  CHECK(reread(nested(101)).starts_with("error"));
  CHECK(reread(nested(100'000)).starts_with("error"));
}

TEST_CASE("a type is read from the start of a text") {
  TypeSyntaxError error;
  std::size_t used = 0;
  const auto type = parse_type_prefix("array<int>) + 1", used, error);
  REQUIRE(type);
  CHECK(*type == Type::array(TypeKind::int32));
  CHECK(used == 10);
}

TEST_CASE("types are equal by their shape and names") {
  CHECK(Type::array(TypeKind::int32) == Type::array(TypeKind::int32));
  CHECK_FALSE(Type::decimal(3, 1) == Type::decimal(3, 2));
  CHECK_FALSE(Type::structure({{"a", TypeKind::int32}}) == Type::structure({{"b", TypeKind::int32}}));
}

TEST_CASE("a schema finds visible columns, then hidden ones") {
  const Schema schema{{{"id", TypeKind::int64}, {"date", TypeKind::date}}, {{"_file", TypeKind::string}}};
  CHECK(schema.find("date") == 1U);
  CHECK(schema.find("_file") == 2U);
  CHECK_FALSE(schema.find("ID"));
  CHECK(schema.at(2).name == "_file");
  CHECK(schema.to_string() == "(id bigint, date date)");
}
