#include <fmt/format.h>

#include "operators/builtin_catalog.h"
#include "runner/base/process_memory.h"
#include "runner/cli/command_line.h"
#include "runner/cli/help.h"

int main(int argc, char** argv) {
  using namespace streamrun;
  keep_freed_memory();
  const auto invocation = parse_command_line({argv + (argc > 0 ? 1 : 0), argv + argc});
  if (!invocation) {
    fmt::print(stderr, "streamrun: {}\nTry 'streamrun --help'.\n", invocation.error().message);
    return 2;
  }
  switch (invocation->kind) {
    case Invocation::Kind::version: fmt::print("streamrun {}\n", STREAMRUN_VERSION); return 0;
    case Invocation::Kind::help: print_verb_help(invocation->verb); return 0;
    case Invocation::Kind::run: break;
  }
  return invocation->verb->run(invocation->command, builtin_catalog());
}
