#include <fmt/format.h>

#include "runner/cli/verbs.h"

namespace streamrun {

namespace {

void print_options(const OptionTable& table) {
  if (table.whole()) fmt::print("  {:<20} {}\n", table.whole()->shape.to_string(), table.whole()->help);
  for (const OptionEntry& entry : table.entries()) {
    fmt::print("  {:<20} {}; {}", entry.name, entry.shape.to_string(), entry.help);
    if (entry.required) {
      fmt::print(" (required)");
    } else if (!entry.default_text.empty()) {
      fmt::print(" (default {})", entry.default_text);
    }
    fmt::print("\n");
  }
}

template <class D>
void print_list(std::string_view title, std::span<const D> all) {
  fmt::print("{}\n", title);
  for (const D& one : all) fmt::print("  {:<20} {}\n", one.name, one.summary);
}

template <class D>
void print_page(const D& one) {
  fmt::print("{}: {}\n\n", one.name, one.summary);
  print_options(one.options);
  if constexpr (requires { one.example; }) fmt::print("\n{}\n", one.example);
}

template <class D>
int page_of(std::span<const D> all, std::string_view noun, std::string_view name) {
  for (const D& one : all) {
    if (one.name == name) {
      print_page(one);
      return 0;
    }
  }
  std::vector<std::string_view> names;
  for (const D& one : all) names.push_back(one.name);
  fmt::print(stderr, "there is no {} '{}'{}\n", noun, name, did_you_mean(name, names));
  return 2;
}

}  // namespace

int help_verb(const Command& command, const Catalog& catalog) {
  const std::string topic = command.topic.empty() ? "" : command.topic[0];
  const std::string name = command.topic.size() > 1 ? command.topic[1] : "";
  if (topic.empty()) {
    fmt::print(
        "streamrun FILE                 runs a pipeline\n"
        "streamrun validate FILE…       compiles it and opens nothing\n"
        "streamrun explain FILE         shows the plan\n"
        "streamrun test FILE…           runs the tests inside\n"
        "streamrun help [sources|steps|outputs|functions] [NAME]\n");
    return 0;
  }
  if (topic == "sources") {
    if (!name.empty()) return page_of(catalog.sources(), "source", name);
    print_list("sources", catalog.sources());
    print_list("formats", catalog.formats());
  } else if (topic == "steps") {
    if (!name.empty()) return page_of(catalog.transforms(), "step", name);
    print_list("steps", catalog.transforms());
  } else if (topic == "outputs") {
    if (!name.empty()) return page_of(catalog.sinks(), "output", name);
    print_list("outputs", catalog.sinks());
  } else if (topic == "functions") {
    return print_functions(name);
  } else {
    const std::vector<std::string_view> pages = {"sources", "steps", "outputs", "functions"};
    fmt::print(stderr, "there is no page '{}'{}\n", topic, did_you_mean(topic, pages));
    return 2;
  }
  return 0;
}

}  // namespace streamrun
