#include "runner/cli/pipeline.h"

#include <fmt/format.h>

#include "runner/cli/verbs.h"

namespace streamrun {

ResolveOptions compile_options(const Command& command) {
  ResolveOptions options;
  options.params = command.params;
  options.allow_exec = command.allow_exec;
  options.processors = usable_processors();
  return options;
}

void print_diagnostics(const PipelineFile& file) {
  for (const Diagnostic& one : file.diagnostics.sorted()) fmt::print(stderr, "{}", render_text(one, file.source));
}

}  // namespace streamrun
