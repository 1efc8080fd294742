#include <fmt/format.h>

#include "runner/cli/verbs.h"

namespace streamrun {

int validate_verb(const Command& command, const Catalog& catalog) {
  int code = 0;
  const DiagnosticFormat format = command.format == "json"     ? DiagnosticFormat::json
                                  : command.format == "github" ? DiagnosticFormat::github
                                                               : DiagnosticFormat::text;
  for (const std::string& path : command.files) {
    PipelineFile file = read_pipeline(path, catalog, command.params);
    if (!file.unreadable.empty()) {
      fmt::print(stderr, "{}\n", file.unreadable);
      code = 2;
      continue;
    }
    if (file.spec) {
      ResolveOptions options;
      options.params = command.params;
      options.allow_exec = command.allow_exec;
      StreamGraph graph = resolve(*file.spec, catalog, options, file.diagnostics);
      if (!file.diagnostics.has_errors()) static_cast<void>(lower(std::move(graph)));
    }
    print_diagnostics(file, format);
    if (file.diagnostics.has_errors() || !file.spec) {
      code = 2;
    } else if (format == DiagnosticFormat::text) {
      fmt::print("{}: ok ({} sources, {} streams, {} outputs, {} tests)\n", path, file.spec->sources.size(),
                 file.spec->streams.size(), file.spec->outputs.size(), file.spec->tests.size());
    }
  }
  return code;
}

int explain_verb(const Command& command, const Catalog& catalog) {
  PipelineFile file = read_pipeline(command.files.at(0), catalog, command.params);
  if (!file.unreadable.empty()) {
    fmt::print(stderr, "{}\n", file.unreadable);
    return 2;
  }
  std::optional<PhysicalPlan> plan;
  if (file.spec) {
    ResolveOptions options;
    options.params = command.params;
    options.allow_exec = command.allow_exec;
    options.processors = usable_processors();
    StreamGraph graph = resolve(*file.spec, catalog, options, file.diagnostics);
    if (!file.diagnostics.has_errors()) plan = lower(std::move(graph));
  }
  print_diagnostics(file, DiagnosticFormat::text);
  if (!plan) return 2;
  fmt::print("{}", explain_text(*plan));
  return 0;
}

}  // namespace streamrun
