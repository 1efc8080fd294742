#include <fmt/format.h>

#include "runner/cli/verbs.h"

namespace streamrun {

int validate_verb(const Command& command, const Catalog& catalog) {
  int code = 0;
  const DiagnosticFormat format = command.format == "json"     ? DiagnosticFormat::json
                                  : command.format == "github" ? DiagnosticFormat::github
                                                               : DiagnosticFormat::text;
  for (const std::string& path : command.files) {
    const CompiledPipeline compiled = compile_pipeline(path, catalog, compile_options(command));
    const PipelineFile& file = compiled.file;
    print_diagnostics(file, format);
    if (!compiled.plan) {
      code = 2;
    } else if (format == DiagnosticFormat::text) {
      fmt::print("{}: ok ({} sources, {} streams, {} outputs, {} tests)\n", path, file.spec->sources.size(),
                 file.spec->streams.size(), file.spec->outputs.size(), file.spec->tests.size());
    }
  }
  return code;
}

int explain_verb(const Command& command, const Catalog& catalog) {
  const CompiledPipeline compiled = compile_pipeline(command.files.at(0), catalog, compile_options(command));
  print_diagnostics(compiled.file, DiagnosticFormat::text);
  if (!compiled.plan) return 2;
  fmt::print("{}", explain_text(*compiled.plan));
  return 0;
}

}  // namespace streamrun
