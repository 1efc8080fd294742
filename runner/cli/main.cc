#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "operators/builtin_catalog.h"
#include "runner/base/process_memory.h"
#include "runner/cli/verbs.h"

namespace streamrun {

namespace {

using Verb = int (*)(const Command&, const Catalog&);

struct VerbEntry {
  std::string_view name;
  std::string_view help;
  Verb run;
};

constexpr std::array kVerbs = {
    VerbEntry{"run", "runs a pipeline", run_verb},
    VerbEntry{"validate", "compiles pipelines and opens nothing", validate_verb},
    VerbEntry{"explain", "shows the graph and the plan", explain_verb},
    VerbEntry{"test", "runs the tests inside pipelines", test_verb},
    VerbEntry{"help", "a page each for sources, steps, outputs, functions", help_verb},
};

// Declares the flags of a verb; what they mean is checked here, before any file is read.
void declare(CLI::App& app, const VerbEntry& verb, Command& command, std::vector<std::string>& params,
             std::string& start_time) {
  if (verb.name == "help") {
    app.add_option("PAGE", command.topic, "a page, and a name on it");
    return;
  }
  auto* files = app.add_option("FILE", command.files, "the pipeline")->required();
  if (verb.name == "run" || verb.name == "explain") files->expected(1);
  app.add_option("--param", params, "NAME=VALUE, for a declared param");
  app.add_flag("--allow-exec", command.allow_exec, "programs may be started");
  if (verb.name == "validate") {
    app.add_option("--format", command.format, "text, json or github")
        ->check(CLI::IsMember({"text", "json", "github"}));
  }
  if (verb.name != "run") return;
  app.add_flag("--available-now", command.run.available_now, "takes what is there and stops");
  app.add_option("--batches", command.run.batches, "stops after so many batches")->check(CLI::PositiveNumber);
  app.add_option("--start-time", start_time, "an ISO time or milliseconds since 1970");
  app.add_flag("--realtime", command.realtime, "waits for the clock where all sources are bounded");
  app.add_flag("--quiet", command.quiet, "says only what went wrong");
  // No user's matter, so that help does not show it: tests try other orders of tasks, which change no result.
  app.add_option("--shuffle-seed", command.run.shuffle_seed)->group("");
}

bool settle(Command& command, const std::vector<std::string>& params, const std::string& start_time) {
  for (const std::string& param : params) {
    const std::size_t equals = param.find('=');
    if (equals == std::string::npos || equals == 0) {
      fmt::print(stderr, "--param {}: NAME=VALUE is wanted\n", param);
      return false;
    }
    command.params[param.substr(0, equals)] = param.substr(equals + 1);
  }
  if (start_time.empty()) return true;
  const auto moment = parse_moment(start_time);
  if (!moment) {
    fmt::print(stderr, "--start-time {}: {}\n", start_time, moment.error().message);
    return false;
  }
  command.run.start_time = *moment;
  return true;
}

int streamrun_main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::vector<std::string_view> verbs;
  for (const VerbEntry& verb : kVerbs) verbs.push_back(verb.name);
  // `streamrun FILE` is `streamrun run FILE`.
  if (!arguments.empty() && !arguments[0].starts_with("-") &&
      std::find(verbs.begin(), verbs.end(), arguments[0]) == verbs.end()) {
    const bool a_file = arguments[0].find_first_of("./") != std::string::npos;
    if (!a_file && nearest_name(arguments[0], verbs)) {
      fmt::print(stderr, "there is no command '{}'{}\n", arguments[0], did_you_mean(arguments[0], verbs));
      return 2;
    }
    arguments.insert(arguments.begin(), "run");
  }
  CLI::App app{"Spark Streaming's model in one binary and one YAML file", "streamrun"};
  app.set_version_flag("--version", "streamrun " STREAMRUN_VERSION);
  app.require_subcommand(1);
  Command command;
  std::vector<std::string> params;
  std::string start_time;
  std::vector<CLI::App*> commands;
  for (const VerbEntry& verb : kVerbs) {
    CLI::App* one = app.add_subcommand(std::string(verb.name), std::string(verb.help));
    declare(*one, verb, command, params, start_time);
    commands.push_back(one);
  }
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& fault) {
    return app.exit(fault) == 0 ? 0 : 2;
  }
  if (!settle(command, params, start_time)) return 2;
  const Catalog catalog = builtin_catalog();
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (commands[i]->parsed()) return kVerbs[i].run(command, catalog);
  }
  return 2;
}

}  // namespace

}  // namespace streamrun

int main(int argc, char** argv) {
  streamrun::keep_freed_memory();
  return streamrun::streamrun_main(argc, argv);
}
