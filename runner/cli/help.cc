#include "runner/cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/cli/command_line.h"
#include "runner/cli/help_functions.h"
#include "runner/config/pipeline_spec.h"

namespace streamrun {
namespace {

// `integer from 1 to 65536, required`; `duration, default 1s`.
std::string form_of(const OptionTable& table, const OptionEntry& entry) {
  std::string form = entry.shape.to_string();
  if (entry.required) return form + ", required";
  for (const auto& choice : table.choices()) {
    if (std::ranges::find(choice, entry.name) == choice.end()) continue;
    std::string others;
    for (const std::string_view one : choice) {
      if (one != entry.name) others += fmt::format("{}{}", others.empty() ? "" : " or ", one);
    }
    return fmt::format("{}, required without {}", form, others);
  }
  return entry.default_text.empty() ? form : fmt::format("{}, default {}", form, entry.default_text);
}

// A mapping among them is followed by its own options: `retry.times`.
void add_rows(const OptionTable& table, const std::string& within, std::vector<HelpRow>& rows) {
  for (const OptionEntry& entry : table.entries()) {
    rows.push_back({within + std::string(entry.name), form_of(table, entry), std::string(entry.help)});
    if (entry.shape.kind == Shape::Kind::mapping) {
      add_rows(*entry.shape.table, fmt::format("{}{}.", within, entry.name), rows);
    }
  }
}

HelpSection options_section(std::string title, const OptionTable& table) {
  HelpSection section{std::move(title), {}};
  add_rows(table, "", section.rows);
  return section;
}

template <class D>
HelpPage page_of(const D& one, std::string what) {
  HelpPage page{fmt::format("{} {}", what, one.name), std::string(one.summary), {}, {}, std::string(one.example)};
  if (const auto& whole = one.options.whole()) {
    page.sections.push_back(
        {"Argument", {{std::string(one.name), whole->shape.to_string(), std::string(whole->help)}}});
  }
  page.sections.push_back(options_section(one.options.whole() ? "Options, in its place" : "Options", one.options));
  return page;
}

HelpPage source_page(const SourceDescriptor& source) {
  HelpPage page = page_of(source, "source");
  if (!source.takes_format) page.facts.push_back("Its rows have their types: it takes no `format`.");
  page.sections.push_back(options_section("Beside it, as of every source", SourceCommon::options()));
  return page;
}

HelpPage step_page(const TransformDescriptor& step) {
  HelpPage page = page_of(step, "step");
  page.facts.push_back(fmt::format("DStream: {}", step.dstream));
  return page;
}

HelpPage output_page(const SinkDescriptor& output) {
  HelpPage page = page_of(output, "output");
  if (!output.takes_format) page.facts.push_back("It takes no `format`.");
  page.sections.push_back(options_section("Beside it, as of every output", OutputCommon::options()));
  return page;
}

HelpPage format_page(const FormatDescriptor& format) {
  HelpPage page = page_of(format, "format");
  if (format.needs_schema) page.facts.push_back("A source that reads it needs a `schema`.");
  page.facts.push_back("Its options stand beside `format:`.");
  return page;
}

// An index page and what it lists.
struct Topic {
  std::string name;
  std::string help;
  std::vector<HelpSection> index;
  std::vector<std::pair<std::vector<std::string_view>, HelpPage>> pages;  // under these names
};

template <class D>
Topic topic_of(std::string name, std::string help, std::span<const D> all, HelpPage (*page)(const D&)) {
  Topic topic{std::move(name), std::move(help), {{"", {}}}, {}};
  for (const D& one : all) {
    topic.index[0].rows.push_back({std::string(one.name), "", std::string(one.summary)});
    topic.pages.push_back({{one.name}, page(one)});
  }
  return topic;
}

Topic functions_topic() {
  Topic topic{"functions", "what expressions are made of: functions, operators and aggregates", {}, {}};
  for (FunctionHelp& function : help_of_functions()) {
    auto group = std::find_if(topic.index.begin(), topic.index.end(),
                              [&](const HelpSection& one) { return one.title == function.group; });
    if (group == topic.index.end()) {
      topic.index.push_back({function.group, {}});
      group = topic.index.end() - 1;
    }
    group->rows.push_back(std::move(function.row));
    topic.pages.push_back({std::move(function.names), std::move(function.page)});
  }
  return topic;
}

std::vector<Topic> all_topics(const Catalog& catalog) {
  return {topic_of("sources", "where records come from", catalog.sources(), source_page),
          topic_of("steps", "what is done to them, in a stream's `steps`", catalog.transforms(), step_page),
          topic_of("outputs", "where rows go to", catalog.sinks(), output_page), functions_topic(),
          topic_of("formats", "how records are written as bytes", catalog.formats(), format_page)};
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Prints the pages of that name: of one topic, or of all. 0 if there is one.
int print_named(const std::vector<Topic>& topics, std::string_view what, const std::string& name, Console& console) {
  std::vector<std::string_view> known;
  std::string out;
  for (const Topic& topic : topics) {
    for (const auto& [names, page] : topic.pages) {
      known.insert(known.end(), names.begin(), names.end());
      if (std::none_of(names.begin(), names.end(), [&](std::string_view one) { return same_name(one, name); }))
        continue;
      if (!out.empty()) out += '\n';
      out += render_page(page);
    }
    if (topics.size() > 1) known.push_back(topic.name);
  }
  if (out.empty()) {
    console.say("streamrun: there is no {} '{}'{}\nTry 'streamrun help'.\n", what, shown_text(name),
                did_you_mean(name, known));
    return 2;
  }
  console.print("{}", out);
  return console.exit_code(0);
}

int refuse_second(const Command& command, Console& console) {
  console.say(
      "streamrun: 'help {0}' shows one page, and takes no '{1}'\nTry 'streamrun help {0}' or 'streamrun help {1}'.\n",
      shown_text(command.topic[0]), shown_text(command.topic[1]));
  return 2;
}

}  // namespace

void print_verb_help(const Verb* verb, Console& console) {
  if (verb) {
    HelpPage page{usage(*verb), std::string(verb->help), {}, {{"Options", {}}}, ""};
    for (const Flag* flag : flags_of(*verb)) {
      if (!flag->help.empty()) page.sections[0].rows.push_back({flag_form(*flag, *verb), "", std::string(flag->help)});
    }
    console.print("{}", render_page(page));
    return;
  }
  HelpSection commands{"Commands", {}};
  for (const Verb& one : all_verbs()) commands.rows.push_back({std::string(one.name), "", std::string(one.help)});
  HelpSection pages{"Pages of help", {}};
  for (const Topic& topic : all_topics(Catalog())) pages.rows.push_back({topic.name, "", topic.help});
  console.print(
      "{}", render_index("streamrun FILE: Spark Streaming's model in one binary and one YAML file", {commands, pages},
                         "streamrun COMMAND --help, streamrun help PAGE, streamrun help NAME, streamrun --version"));
}

int help_verb(const Command& command, const Catalog& catalog, Console& console) {
  if (command.topic.empty()) {
    print_verb_help(nullptr, console);
    return console.exit_code(0);
  }
  const std::string& first = command.topic[0];
  std::vector<Topic> topics = all_topics(catalog);
  const auto topic = std::find_if(topics.begin(), topics.end(), [&](const Topic& one) { return one.name == first; });
  if (topic == topics.end()) {
    for (const Verb& verb : all_verbs()) {
      if (verb.name != first) continue;
      if (command.topic.size() > 1) return refuse_second(command, console);
      print_verb_help(&verb, console);
      return console.exit_code(0);
    }
    if (command.topic.size() > 1) return refuse_second(command, console);
    return print_named(topics, "page", first, console);
  }
  if (command.topic.size() > 1) {
    const std::string singular = topic->name.substr(0, topic->name.size() - 1);
    return print_named({std::move(*topic)}, singular, command.topic[1], console);
  }
  console.print("{}", render_index(fmt::format("{}: {}", topic->name, topic->help), topic->index,
                                   fmt::format("streamrun help {} NAME shows one.", topic->name)));
  return console.exit_code(0);
}

}  // namespace streamrun
