// The table of functions: every entry can be told from its help, and its example holds.
#include <catch2/catch.hpp>

#include "runner/expr/aggregate.h"
#include "runner/expr/function.h"

namespace streamrun {
namespace {

TEST_CASE("the example of every function is true") {
  for (const Function& function : all_functions()) {
    if (function.kind == FunctionKind::aggregate) continue;
    INFO(function.names.front() << ": " << function.example);
    const LocatedText text(std::string(function.example), {0, static_cast<std::uint32_t>(function.example.size())});
    Diagnostics diagnostics;
    const auto compiled = compile_expression(text, {}, diagnostics);
    for (const Diagnostic& said : diagnostics.sorted()) UNSCOPED_INFO(said.message);
    REQUIRE(compiled);
    REQUIRE(compiled->type().kind() == TypeKind::boolean);
    EvalContext context;
    const Selection chosen = select(*compiled, {{}, 1}, Selection::all(1), context);
    CHECK(context.errors.empty());
    CHECK(chosen.count() == 1);
  }
}

TEST_CASE("the example of every aggregate compiles") {
  const Schema schema{{{"x", Type(TypeKind::int32)}, {"y", Type(TypeKind::int32)}}, {}};
  const Schema truths{{{"x", Type(TypeKind::boolean)}}, {}};
  for (const Function& function : all_functions()) {
    if (function.kind != FunctionKind::aggregate) continue;
    INFO(function.names.front() << ": " << function.example);
    const LocatedText text(std::string(function.example), {0, static_cast<std::uint32_t>(function.example.size())});
    const auto compiles = [&](const Schema& columns) {
      Scope scope;
      scope.inputs.push_back({"", &columns, false});
      Diagnostics diagnostics;
      return compile_aggregate(text, scope, {}, 0, diagnostics).has_value();
    };
    CHECK((compiles(schema) || compiles(truths)));
  }
}

TEST_CASE("names of functions are told apart, and have a help") {
  std::size_t names = 0;
  for (const Function& function : all_functions()) {
    CHECK_FALSE(function.summary.empty());
    CHECK_FALSE(function.group.empty());
    for (const std::string_view name : function.names) {
      INFO(name);
      CHECK(find_function(name) == &function);
      ++names;
    }
  }
  CHECK(names > 200);
}

}  // namespace
}  // namespace streamrun
