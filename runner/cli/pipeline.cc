#include "runner/cli/pipeline.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runner/cli/verbs.h"

namespace streamrun {

ResolveOptions compile_options(const Command& command) {
  ResolveOptions options;
  options.params = command.params;
  options.allow_exec = command.allow_exec;
  options.processors = usable_processors();
  return options;
}

void print_diagnostics(const PipelineFile& file, DiagnosticFormat format) {
  if (format == DiagnosticFormat::json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Diagnostic& one : file.diagnostics.sorted()) {
      const LineColumn at = file.source.locate(one.span.begin);
      const LineColumn end = file.source.locate(one.span.end);
      all.push_back({{"file", file.source.name()},
                     {"line", at.line},
                     {"column", at.column},
                     {"end_line", end.line},
                     {"end_column", end.column},
                     {"severity", one.severity == Severity::error ? "error" : "warning"},
                     {"code", one.code},
                     {"message", one.message}});
    }
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  for (const Diagnostic& one : file.diagnostics.sorted()) {
    if (format == DiagnosticFormat::github) {
      fmt::print("{}", render_github(one, file.source));
    } else {
      fmt::print(stderr, "{}", render_text(one, file.source));
    }
  }
}

}  // namespace streamrun
