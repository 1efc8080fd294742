#include "runner/cli/pipeline.h"

#include "runner/cli/verbs.h"
#include "runner/exec/memory_limit.h"

namespace streamrun {

ResolveOptions compile_options(const Command& command) {
  ResolveOptions options;
  options.params = command.params;
  options.allow_exec = command.allow_exec;
  options.processors = usable_processors();
  options.memory = default_memory(usable_memory(process_limits()));
  return options;
}

ResolveOptions starts_nothing(ResolveOptions options) {
  options.allow_exec = true;
  return options;
}

void DiagnosticPrinter::print(const PipelineFile& file) {
  for (const Diagnostic& one : file.diagnostics.sorted()) {
    const std::string text = render_text(one, file.source);
    if (printed_.insert(text).second) console_.say("{}", text);
  }
}

void print_diagnostics(const PipelineFile& file, const Console& console) {
  DiagnosticPrinter(console).print(file);
}

}  // namespace streamrun
