#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "operators/builtin_catalog.h"
#include "runner/base/shown_text.h"
#include "runner/cli/command_line.h"
#include "runner/cli/help.h"

namespace {

// Standard streams that were closed stay taken, so that no file which is opened later becomes one of them. Each is open
// the other way round: to use it fails, as if it were closed.
void hold_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) == -1) open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace streamrun;
  hold_standard_streams();
  // Whoever reads what is written may go: that is told by the write, not by the end of this process.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow further is an error of the write
  Console console;
  const auto invocation = parse_command_line({argv + (argc > 0 ? 1 : 0), argv + argc});
  if (!invocation) {
    console.say("streamrun: {}\nTry 'streamrun --help'.\n", shown_text(invocation.error().message));
    return 2;
  }
  switch (invocation->kind) {
    case Invocation::Kind::version: console.print("streamrun {}\n", STREAMRUN_VERSION); return console.exit_code(0);
    case Invocation::Kind::help: print_verb_help(invocation->verb, console); return console.exit_code(0);
    case Invocation::Kind::run: break;
  }
  return invocation->verb->run(invocation->command, builtin_catalog(), console);
}
