// Every function of the table, with values at the ends of their types, as constants and as columns: a value or an
// error of the row, never a crash, a hang or memory without bound.
#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "runner/expr/function.h"

namespace streamrun {
namespace {

struct Pool {
  const char* name;
  const char* type;
  std::vector<std::string> texts;
};

const std::vector<Pool>& pools() {
  static const std::vector<Pool> kPools = {
      {"b", "boolean", {"true", "false"}},
      {"i", "int", {"-2147483648", "2147483647", "0", "-1", "1", "2", "38", "-400"}},
      {"l", "bigint", {"-9223372036854775807L - 1", "9223372036854775807L", "0L", "-1L", "1L"}},
      {"f", "float", {"cast('NaN' as float)", "cast('-inf' as float)", "-0.0F", "1e-45F", "3.4e38F"}},
      {"d", "double", {"cast('NaN' as double)", "cast('inf' as double)", "-0.0D", "4.9e-324D", "1.7e308D", "2.5D"}},
      {"m", "decimal(38,0)", {"99999999999999999999999999999999999999BD", "-1BD", "0BD"}},
      {"n",
       "decimal(38,38)",
       {"0.99999999999999999999999999999999999999BD", "-0.00000000000000000000000000000000000001BD"}},
      {"s",
       "string",
       {"''", "'a'", "'%1$2000000000d %s'", "'[a-z]+(b)?'", "'$.a[*].b'", "'yyyy-MM-dd HH:mm:ss.SSS'",
        "repeat('é', 70000)", "'{\"a\":[1,{\"b\":null}]}'", "'a int'", "'array<struct<a:int>>'",
        "'2024-02-29 23:59:59.999999'", "'-12.5e3'", "'NaN'", "'\\\\'", "'http://u@h:1/p?q=1#f'", "'month'",
        "'Europe/Berlin'", "cast(x'fffec3' as string)"}},
      {"y", "binary", {"x''", "x'00ff'", "cast(repeat('x', 70000) as binary)"}},
      {"t",
       "date",
       {"date'0001-01-01'", "date'9999-12-31'", "date'1970-01-01'", "date_add(date'1970-01-01', 2147483647)"}},
      {"z",
       "timestamp",
       {"timestamp'0001-01-01 00:00:00'", "timestamp'9999-12-31 23:59:59.999999'",
        "timestamp_micros(9223372036854775807)", "timestamp_micros(-9223372036854775807)"}},
      {"p", "interval month", {"interval 2147483647 months", "interval '-1' month"}},
      {"q", "interval day", {"interval 106751991 days", "interval '-1' second", "interval '0' day"}},
      {"ai", "array<int>", {"cast(array() as array<int>)", "array(1, null, 2147483647)", "sequence(1, 3000)"}},
      {"ad", "array<double>", {"array(cast('NaN' as double), -0.0D, 0.0D, null)"}},
      {"as", "array<string>", {"array('', null, 'b')", "cast(array() as array<string>)"}},
      {"aa", "array<array<int>>", {"array(array(1), null, array())", "cast(array() as array<array<int>>)"}},
      {"au",
       "array<struct<a:int,b:string>>",
       {"array(named_struct('a', 1, 'b', 'x'), null)", "cast(array() as array<struct<a:int,b:string>>)"}},
      {"k", "map<string,int>", {"map('a', 1, 'b', null)", "cast(map() as map<string,int>)"}},
      {"ka", "map<int,array<int>>", {"map(1, array(1))", "map(2, cast(null as array<int>))"}},
      {"u",
       "struct<a:int,b:array<int>>",
       {"named_struct('a', 1, 'b', array(1))", "named_struct('a', cast(null as int), 'b', cast(null as array<int>))"}},
      {"v", "variant", {"parse_json('{\"a\":[1,2.5,\"x\",null]}')", "parse_json('1e400')", "parse_json('null')"}},
  };
  return kPools;
}

LocatedText located(const std::string& text) {
  return LocatedText(text, {0, static_cast<std::uint32_t>(text.size())});
}

Type type_of(const Pool& pool) {
  const std::string_view name(pool.type);
  if (name.starts_with("interval")) return name == "interval month" ? TypeKind::month_interval : TypeKind::day_interval;
  TypeSyntaxError error;
  return parse_type(name, error).value();
}

// Columns of the pools, named as they are, each row another value and the last one null.
struct World {
  static constexpr std::uint32_t kRows = 19;
  Schema schema;
  std::vector<ColumnPtr> columns;
  Scope scope;

  World() {
    for (const Pool& pool : pools()) {
      const Type type = type_of(pool);
      ColumnBuilder builder(type);
      schema.columns.push_back({pool.name, type});
      for (std::uint32_t row = 0; row < kRows; ++row) {
        const bool null = row + 1 == kRows;
        const std::string text = pool.texts[row % pool.texts.size()];
        INFO(text);
        Diagnostics diagnostics;
        const auto compiled = compile_cast(located(text), type, Scope{}, diagnostics);
        REQUIRE(compiled);
        EvalContext context;
        const ColumnPtr value = evaluate(*compiled, {{}, 1}, Selection::all(1), context);
        REQUIRE(context.errors.empty());
        if (null) {
          builder.append_null();
        } else {
          builder.append(*value, 0);
        }
      }
      columns.push_back(builder.finish());
    }
    scope.inputs.push_back({"", &schema, false});
  }
};

// Whether it compiles.
bool survives(const World& world, const std::string& text) {
  INFO(text);
  Diagnostics diagnostics;
  const auto compiled = compile_expression(located(text), world.scope, diagnostics);
  if (!compiled) {
    REQUIRE(diagnostics.error_count() > 0);
    return false;
  }
  EvalContext context;
  const ColumnPtr value = evaluate(*compiled, {world.columns, World::kRows}, Selection::all(World::kRows), context);
  // Reads every value that is said to be good, strings and nested ones included.
  std::vector<std::uint32_t> failed;
  for (const RowError& error : context.errors.take()) failed.push_back(error.row);
  ColumnBuilder copy(compiled->type());
  without(Selection::all(World::kRows), failed).for_each([&](std::uint32_t row) { copy.append(*value, row); });
  CHECK(copy.finish()->rows() + failed.size() == World::kRows);
  return true;
}

std::string call_text(std::string_view name, std::span<const std::string> arguments) {
  const bool word = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
  if (!word) {
    return arguments.size() == 1 ? fmt::format("{}({})", name, arguments[0])
                                 : fmt::format("({})", fmt::join(arguments, fmt::format(" {} ", name)));
  }
  return fmt::format("{}({})", name, fmt::join(arguments, ", "));
}

constexpr std::array kLambdas = {
    "x -> x",          "x -> x is null",        "(x, j) -> j",
    "(acc, x) -> acc", "(x, y) -> array(x, y)", "x -> transform(array(x), w -> struct(w, x))"};

// Types of arguments that a function takes: all of one and two, a sample of three and four.
class Signatures {
 public:
  explicit Signatures(const World& world) : world_(world) {}

  std::vector<std::vector<std::size_t>> of(const Function& function) {
    std::vector<std::vector<std::size_t>> found;
    const std::size_t choices = pools().size() + (function.kind == FunctionKind::higher_order ? kLambdas.size() : 0);
    const auto attempt = [&](std::vector<std::size_t> types) {
      std::vector<std::string> names;
      for (const std::size_t type : types) names.push_back(column(type));
      Diagnostics diagnostics;
      if (compile_expression(located(call_text(function.names.front(), names)), world_.scope, diagnostics)) {
        found.push_back(std::move(types));
      }
    };
    attempt({});
    for (std::size_t a = 0; a < choices; ++a) attempt({a});
    for (std::size_t a = 0; a < choices; ++a) {
      for (std::size_t b = 0; b < choices; ++b) attempt({a, b});
    }
    for (int i = 0; i < 600; ++i) {
      std::vector<std::size_t> types;
      for (int n = 0; n < 3 + i % 2; ++n) types.push_back(random_() % choices);
      attempt(std::move(types));
    }
    std::ranges::shuffle(found, random_);
    return found;
  }

  static std::string column(std::size_t type) {
    return type < pools().size() ? pools()[type].name : kLambdas[type - pools().size()];
  }
  // As a column, a constant, a null or a null of the type.
  std::string argument(std::size_t type) {
    if (type >= pools().size()) return column(type);
    const Pool& pool = pools()[type];
    switch (random_() % 8) {
      case 0:
        return std::string_view(pool.type).starts_with("interval") ? "null"
                                                                   : fmt::format("cast(null as {})", pool.type);
      case 1: return "null";
      case 2:
      case 3: return pool.name;
      default: return pool.texts[random_() % pool.texts.size()];
    }
  }

 private:
  const World& world_;
  std::mt19937 random_{20};
};

TEST_CASE("every function survives") {
  const World world;
  Signatures signatures(world);
  for (const Function& function : all_functions()) {
    if (function.kind == FunctionKind::aggregate) continue;
    const std::string name(function.names.front());
    INFO(name);
    std::vector<std::vector<std::size_t>> taken = signatures.of(function);
    if (taken.size() > 60) taken.resize(60);
    for (const std::vector<std::size_t>& types : taken) {
      for (int round = 0; round < 8; ++round) {
        std::vector<std::string> arguments;
        for (const std::size_t type : types) {
          arguments.push_back(round == 0 ? Signatures::column(type) : signatures.argument(type));
        }
        survives(world, call_text(name, arguments));
      }
    }
  }
}

TEST_CASE("null lists, maps and structures survive whatever is done to them") {
  const World world;
  for (const char* text : {"transform(cast(null as array<struct<a:int>>), x -> x.a)",
                           "cast(null as array<struct<a:int>>).a",
                           "cast(null as array<struct<a:struct<b:int>>>)[0].a.b",
                           "cast(null as array<array<struct<a:int>>>)[i][0].a",
                           "filter(from_json(null, 'array<struct<a:int>>'), x -> x.a > 1)",
                           "transform(cast(null as array<array<struct<a:int>>>), x -> transform(x, y -> y.a))",
                           "aggregate(cast(null as array<struct<a:int>>), 0, (acc, x) -> acc + x.a)",
                           "zip_with(cast(null as array<struct<a:int>>), au, (x, y) -> coalesce(x.a, y.a))",
                           "element_at(cast(null as map<string,struct<a:array<int>>>), s).a[i]",
                           "cast(null as struct<a:array<int>>).a[0]",
                           "coalesce(cast(null as array<struct<a:int,b:string>>), au)[0].b",
                           "if(b, null, au).a",
                           "case when b then cast(null as array<struct<a:int,b:string>>) else au end",
                           "map_values(cast(null as map<string,struct<a:int>>)).a",
                           "to_json(cast(null as array<struct<a:int>>))",
                           "sort_array(cast(null as array<struct<a:int>>)).a",
                           "flatten(cast(null as array<array<struct<a:int>>>)).a",
                           "array(cast(null as struct<a:int>))[0].a",
                           "cast(array() as array<struct<a:int,b:string>>).b",
                           "element_at(array(cast(null as struct<a:array<struct<c:int>>>)), i).a[0].c",
                           "transform(array(null, null), x -> cast(x as array<struct<a:int>>)[0].a)",
                           "transform(array(null), x -> cast(x as struct<a:array<int>>).a[0])",
                           "cast(map() as map<string,struct<a:int>>)[s].a",
                           "cast(array(null) as array<map<string,struct<a:int>>>)[0][s].a",
                           "cast(cast(null as array<struct<a:int>>) as array<struct<c:string>>)[0].c"}) {
    INFO(text);
    CHECK(survives(world, text));
  }
}

}  // namespace
}  // namespace streamrun
