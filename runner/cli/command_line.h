// The verbs and flags of the command line: one table, from which parsing and help are made.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runner/cli/verbs.h"

namespace streamrun {

struct Flag {
  std::string_view name;   // `--batches`
  std::string_view value;  // what stands behind it, `N`; empty: nothing does
  std::string_view help;   // empty: no user's matter, help does not show it
  Result<> (*set)(Command&, const std::string& value);
};

struct Verb {
  enum class Arguments { none, file, files, topic };

  std::string_view name;
  std::string_view help;
  Arguments arguments = Arguments::none;
  std::vector<std::string_view> formats;  // of --format, the default first; empty: it has none
  std::vector<std::string_view> flags;
  int (*run)(const Command&, const Catalog&, Console&);
};

std::span<const Verb> all_verbs();
std::vector<const Flag*> flags_of(const Verb& verb);
// `--batches N`.
std::string flag_form(const Flag& flag, const Verb& verb);

// `streamrun run [options] FILE`.
std::string usage(const Verb& verb);

// What is asked for: a verb with what it is told, the page of a verb (null: of all of them), or the version.
struct Invocation {
  enum class Kind { run, help, version };
  Kind kind = Kind::run;
  const Verb* verb = nullptr;
  Command command;
};

// Errors are one line, the nearest name in it.
Result<Invocation> parse_command_line(std::vector<std::string> arguments);

}  // namespace streamrun
