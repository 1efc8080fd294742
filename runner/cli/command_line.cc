#include "runner/cli/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <memory>

namespace streamrun {
namespace {

Result<std::uint64_t> whole_number(const std::string& text, std::uint64_t least) {
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < least) {
    return failure(fmt::format("expected a whole number from {} on; found '{}'", least, text));
  }
  return value;
}

Result<> set_param(Command& command, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return failure(names_secret(text) ? "expected NAME=VALUE" : fmt::format("expected NAME=VALUE; found '{}'", text));
  }
  command.params[text.substr(0, equals)] = text.substr(equals + 1);
  return {};
}

Result<> set_batches(Command& command, const std::string& text) {
  const auto count = whole_number(text, 1);
  if (!count) return pass_on(count);
  command.run.batches = *count;
  return {};
}

Result<> set_start_time(Command& command, const std::string& text) {
  const auto moment = parse_moment(text);
  if (!moment) return pass_on(moment);
  command.run.start_time = *moment;
  return {};
}

Result<> add_reset(Command& command, const std::string& text) {
  if (text.empty()) return failure("expected the NAME of a source or an output, or all");
  command.run.resets.push_back(text);
  return {};
}

Result<> set_batch(Command& command, const std::string& text) {
  const auto moment = parse_moment(text);
  if (!moment) return pass_on(moment);
  command.batch = *moment;
  return {};
}

Result<> set_output(Command& command, const std::string& text) {
  if (text.empty()) return failure("expected the NAME of an output");
  command.output = text;
  return {};
}

Result<> set_other(Command& command, const std::string& text) {
  if (text.empty()) return failure("expected the FILE of a pipeline");
  command.other = text;
  return {};
}

Result<> set_log_format(Command& command, const std::string& text) {
  if (text != "text" && text != "json") return failure(fmt::format("expected text or json; found '{}'", text));
  command.log_json = text == "json";
  return {};
}

Result<> set_shuffle_seed(Command& command, const std::string& text) {
  const auto seed = whole_number(text, 0);
  if (!seed) return pass_on(seed);
  command.run.shuffle_seed = *seed;
  return {};
}

Result<> set_kill_at(Command& command, const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto count = whole_number(colon == std::string::npos ? "1" : text.substr(colon + 1), 1);
  if (!count) return pass_on(count);
  const std::string name = text.substr(0, colon);
  const auto& names = EnumNames<CrashPoint>::names;
  const auto found = std::ranges::find(names, name, [](const auto& one) { return one.first; });
  if (found == std::end(names)) return failure(fmt::format("there is no point '{}'", name));
  command.run.crash = [point = found->second, left = std::make_shared<std::atomic<std::uint64_t>>(*count)](
                          CrashPoint reached, BatchTime) {
    if (reached == point && left->fetch_sub(1) == 1) std::raise(SIGKILL);
    return false;
  };
  return {};
}

template <auto member>
Result<> set_switch(Command& command, const std::string&) {
  command.*member = true;
  return {};
}

Result<> set_available_now(Command& command, const std::string&) {
  command.run.available_now = true;
  return {};
}

// Checked against the verb's own formats.
Result<> set_format(Command& command, const std::string& text) {
  command.format = text;
  return {};
}

constexpr Flag kFlags[] = {
    {"--param", "NAME=VALUE", "the value of a param that the pipeline declares; may be repeated", set_param},
    {"--available-now", "", "takes what is there, in batches without waiting for the clock, and stops",
     set_available_now},
    {"--batches", "N", "stops behind so many batches", set_batches},
    {"--start-time", "TIME",
     "the first batch is at the first multiple of the interval after it: an ISO time, or milliseconds since 1970",
     set_start_time},
    {"--reset", "NAME|all",
     "forgets what the checkpoint knows of a source or an output, or all of it: a source begins as its options "
     "say, and an output goes on behind what is there; may be repeated",
     add_reset},
    {"--batch", "TIME", "the batch: an ISO time, or milliseconds since 1970, as `streamrun state` shows it", set_batch},
    {"--output", "NAME", "one output alone", set_output},
    {"--diff", "FILE", "what another version of the pipeline would keep, begin anew, change, lose or be refused",
     set_other},
    {"--realtime", "", "waits for the clock where every source is bounded, too", set_switch<&Command::realtime>},
    {"--allow-exec", "", "lets the pipeline start programs", set_switch<&Command::allow_exec>},
    {"--format", "", "the form of what is said", set_format},
    {"--log-format", "text|json", "log lines as text (the default) or as JSON objects", set_log_format},
    {"--quiet", "", "says only what went wrong", set_switch<&Command::quiet>},
    // Tests kill the run at a point of its batches' way, when it has been reached so many times.
    {"--kill-at", "POINT:N", "", set_kill_at},
    // Tests try other orders of tasks, which change no result.
    {"--shuffle-seed", "N", "", set_shuffle_seed},
};

const Verb* find_verb(std::string_view name) {
  for (const Verb& verb : all_verbs()) {
    if (verb.name == name) return &verb;
  }
  return nullptr;
}

std::string value_of(const Flag& flag, const Verb& verb) {
  return flag.set == set_format ? fmt::format("{}", fmt::join(verb.formats, "|")) : std::string(flag.value);
}

// Declares the verb's flags. What one of them refuses is thrown, as the library wants it.
void declare(CLI::App& app, const Verb& verb, Command& command) {
  app.allow_extras(true);
  if (verb.arguments == Verb::Arguments::topic) {
    app.add_option("PAGE", command.topic);
  } else if (verb.arguments != Verb::Arguments::none) {
    app.add_option("FILE", command.files);
  }
  for (const Flag* flag : flags_of(verb)) {
    const std::string name(flag->name);
    const auto set = [&verb, &command, flag, name](const std::string& value) {
      Result<> done = flag->set(command, value);
      if (flag->set == set_format && std::find(verb.formats.begin(), verb.formats.end(), value) == verb.formats.end()) {
        done = failure(fmt::format("expected one of {}; found '{}'{}", fmt::join(verb.formats, ", "), value,
                                   did_you_mean(value, verb.formats)));
      }
      if (!done) throw CLI::ValidationError(name, done.error().message);
    };
    if (value_of(*flag, verb).empty()) {
      app.add_flag_callback(name, [set] { set({}); })->disable_flag_override();
    } else {
      app.add_option_function<std::vector<std::string>>(name,
                                                        [set](const std::vector<std::string>& values) {
                                                          for (const std::string& value : values) set(value);
                                                        })
          ->allow_extra_args(false);
    }
  }
}

// What no flag and no argument of the verb took.
Result<> check_rest(const Verb& verb, const Command& command, std::vector<std::string> rest) {
  std::erase(rest, "--");
  const auto flag = std::find_if(rest.begin(), rest.end(),
                                 [](const std::string& one) { return one.size() > 1 && one.starts_with("-"); });
  if (flag != rest.end()) {
    const std::string name = flag->substr(0, flag->find('='));
    std::vector<std::string_view> known = {"--help"};
    for (const Flag* one : flags_of(verb)) {
      if (!one->help.empty()) known.push_back(one->name);
    }
    return failure(fmt::format("'{}' has no option '{}'{}", verb.name, name, did_you_mean(name, known)));
  }
  const auto too_many = [&rest](const std::vector<std::string>& given, std::size_t most) {
    if (given.size() > most) rest.insert(rest.end(), given.begin() + static_cast<std::ptrdiff_t>(most), given.end());
  };
  if (verb.arguments == Verb::Arguments::file) too_many(command.files, 1);
  if (verb.arguments == Verb::Arguments::topic) too_many(command.topic, 2);
  if (!rest.empty()) return failure(fmt::format("'{}' is one argument too many: {}", rest[0], usage(verb)));
  const bool takes_files = verb.arguments == Verb::Arguments::file || verb.arguments == Verb::Arguments::files;
  if (takes_files && command.files.empty()) return failure(fmt::format("FILE is missing: {}", usage(verb)));
  return {};
}

}  // namespace

std::span<const Verb> all_verbs() {
  using Arguments = Verb::Arguments;
  static const std::vector<Verb> verbs = {
      {"run",
       "runs a pipeline; `streamrun FILE` does too",
       Arguments::file,
       {},
       {"--available-now", "--batches", "--start-time", "--reset", "--realtime", "--param", "--allow-exec",
        "--log-format", "--quiet", "--shuffle-seed", "--kill-at"},
       run_verb},
      {"validate",
       "compiles pipelines and opens nothing",
       Arguments::files,
       {"text", "json", "github"},
       {"--format", "--param", "--allow-exec"},
       validate_verb},
      {"explain",
       "shows the graph of a pipeline and the plan that runs",
       Arguments::file,
       {"text", "json", "dot"},
       {"--format", "--param", "--allow-exec"},
       explain_verb},
      {"test",
       "runs the tests inside pipelines on a simulated clock",
       Arguments::files,
       {},
       {"--param", "--allow-exec"},
       test_verb},
      {"state",
       "shows what the checkpoint of a pipeline holds, whether it runs or not",
       Arguments::file,
       {"text", "json"},
       {"--diff", "--format", "--param", "--allow-exec"},
       state_verb},
      {"replay",
       "computes a batch of the checkpoint again and shows its outputs, and publishes nothing",
       Arguments::file,
       {},
       {"--batch", "--output", "--param", "--allow-exec"},
       replay_verb},
      {"schema", "prints the JSON Schema of a pipeline, for editors", Arguments::none, {}, {}, schema_verb},
      {"help",
       "shows a page each for sources, steps, outputs, functions and formats",
       Arguments::topic,
       {},
       {},
       help_verb},
  };
  return verbs;
}

std::vector<const Flag*> flags_of(const Verb& verb) {
  std::vector<const Flag*> found;
  for (const std::string_view name : verb.flags) {
    for (const Flag& flag : kFlags) {
      if (flag.name == name) found.push_back(&flag);
    }
  }
  return found;
}

std::string flag_form(const Flag& flag, const Verb& verb) {
  const std::string value = value_of(flag, verb);
  return value.empty() ? std::string(flag.name) : fmt::format("{} {}", flag.name, value);
}

std::string usage(const Verb& verb) {
  constexpr std::string_view kArguments[] = {"", " FILE", " FILE…", " [PAGE] [NAME]"};
  return fmt::format("streamrun {}{}{}", verb.name, verb.flags.empty() ? "" : " [options]",
                     kArguments[static_cast<std::size_t>(verb.arguments)]);
}

Result<Invocation> parse_command_line(std::vector<std::string> arguments) {
  Invocation invocation;
  if (arguments.empty()) return failure("a command or a FILE is missing");
  const std::string first = arguments[0];
  if (first == "--version") {
    invocation.kind = Invocation::Kind::version;
    return invocation;
  }
  if (first == "--help" || first == "-h") {
    invocation.kind = Invocation::Kind::help;
    return invocation;
  }
  invocation.verb = find_verb(first);
  if (invocation.verb) {
    arguments.erase(arguments.begin());
  } else {
    // `streamrun FILE` is `streamrun run FILE`.
    invocation.verb = find_verb("run");
    std::vector<std::string_view> names;
    for (const Verb& verb : all_verbs()) names.push_back(verb.name);
    const std::string hint = did_you_mean(first, names);
    const bool like_a_file = first.starts_with("-") || first.find_first_of("./") != std::string::npos;
    std::error_code none;
    if (!like_a_file && !hint.empty() && !std::filesystem::exists(first, none)) {
      return failure(fmt::format("there is no command '{}'{}", first, hint));
    }
  }
  const Verb& verb = *invocation.verb;
  CLI::App app;
  declare(app, verb, invocation.command);
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    invocation.kind = Invocation::Kind::help;
    return invocation;
  } catch (const CLI::ArgumentMismatch& fault) {
    // Its message begins with the name of the flag.
    const std::string text = fault.what();
    if (const std::size_t end = text.find(" was given a disallowed flag override"); end != std::string::npos) {
      return failure(fmt::format("--{} takes no value", text.substr(0, end)));
    }
    return failure(fmt::format("{} needs a value behind it", text.substr(0, text.find(':'))));
  } catch (const CLI::ParseError& fault) {
    return failure(fault.what());
  }
  if (Result<> all = check_rest(verb, invocation.command, app.remaining()); !all) return pass_on(all);
  return invocation;
}

}  // namespace streamrun
