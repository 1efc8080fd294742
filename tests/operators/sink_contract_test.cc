// What every sink of the catalog must do: nothing is seen before publish, all of it afterwards, once and in order,
// and a batch that is discarded leaves nothing behind.
#include "tests/operators/sink_fixture.h"

namespace streamrun {
namespace {

// Options of each sink, in every way that it writes. A sink without an entry fails the test.
std::vector<SyntaxNode> options_of(std::string_view sink) {
  if (sink == "file") {
    return {path_options("grows.csv"), path_options("{batch}.csv"), path_options("{k}/{batch}.csv"),
            mapping({{"path", text("{part}.csv")}, {"roll", mapping({{"size", text("1B")}})}})};
  }
  if (sink == "pipe") return {mapping({{"command", sequence({text("sh"), text("-c"), text("cat >> got")})}})};
  if (sink == "print" || sink == "stdout" || sink == "discard") return {mapping({})};
  FAIL("no options for sink '" << sink << "'");
  return {};
}

// All that stands, files in the order of their names.
std::string seen(const Output& output) {
  std::string all = output.file("stdout");
  for (const std::string& name : output.files()) all += output.file(name);
  return all;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Batches in order, each row once, in whatever form; nothing at all of what is discarded.
void check_order(const Output& output, std::string_view sink, const std::vector<std::string>& keys) {
  const std::string all = seen(output);
  std::size_t last = 0;
  for (const std::string& key : keys) {
    CHECK(occurrences(all, key) == (sink == "discard" ? 0 : 1));
    if (sink == "discard") continue;
    CHECK(all.find(key) >= last);
    last = all.find(key);
  }
}

void check_contract(const SinkDescriptor& descriptor, const SyntaxNode& options) {
  Output output(descriptor, options);
  REQUIRE(output.bound);
  REQUIRE(output.sink->start());
  {
    const auto failed = output.stage(1000);
    output.append(*failed, {"<thrown away>"});
    CHECK(seen(output).empty());
    failed->discard();
  }
  CHECK(seen(output).empty());
  CHECK(output.files().empty());

  // The next batch is staged before this one is published.
  const auto first = output.stage(1000);
  output.append(*first, {"<1>", "<2>"});
  output.append(*first, {"<3>"}, 1);
  const auto second = output.stage(2000);
  output.append(*second, {"<4>"});
  CHECK(seen(output).empty());
  REQUIRE(first->publish());
  check_order(output, descriptor.name, {"<1>", "<2>", "<3>"});
  CHECK(occurrences(seen(output), "<4>") == 0);
  REQUIRE(second->publish());
  REQUIRE(output.stage(3000)->publish());
  check_order(output, descriptor.name, {"<1>", "<2>", "<3>", "<4>"});

  REQUIRE(output.sink->close());
  output.open();  // another run goes on
  REQUIRE(output.sink->start());
  output.publish(4000, {"<5>"});
  REQUIRE(output.sink->close());
  check_order(output, descriptor.name, {"<1>", "<2>", "<3>", "<4>", "<5>"});
}

TEST_CASE("every sink of the catalog keeps the contract") {
  const Catalog catalog = builtin_catalog();
  for (const SinkDescriptor& descriptor : catalog.sinks()) {
    const std::vector<SyntaxNode> ways = options_of(descriptor.name);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      DYNAMIC_SECTION(descriptor.name << ' ' << i) {
        check_contract(descriptor, ways[i]);
      }
    }
  }
}

}  // namespace
}  // namespace streamrun
