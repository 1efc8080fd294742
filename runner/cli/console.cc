#include "runner/cli/console.h"

#include <unistd.h>

#include "runner/operator/file_descriptor.h"

namespace streamrun {

void Console::write_output(std::string_view text) {
  if (!printed_) return;
  printed_ = write_all(STDOUT_FILENO, text, "standard output");
}

void Console::write_error(std::string_view text) const {
  static_cast<void>(write_all(STDERR_FILENO, text, "standard error"));
}

int Console::exit_code(int code) const {
  if (printed_ || printed_.error().kind == ErrorKind::reader_gone) return code;
  say("error: {}\n", printed_.error().message);
  return 1;
}

}  // namespace streamrun
