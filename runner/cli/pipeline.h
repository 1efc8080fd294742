// How the verbs compile a pipeline and say what is wrong with it.
#pragma once

#include <set>
#include <string>

#include "runner/cli/console.h"
#include "runner/plan/compile.h"

namespace streamrun {

struct Command;

// What the command line says about compiling.
ResolveOptions compile_options(const Command& command);
// The same where what is compiled does not run: whether it may start programs does not matter then.
ResolveOptions starts_nothing(ResolveOptions options);

// Adds what is wrong with the rows of the tests of a pipeline that compiles, which then does so no longer.
void check_tests(const std::string& path, const Catalog& catalog, const ResolveOptions& options,
                 CompiledPipeline& pipeline);

// Writes diagnostics to standard error, each once, however often a file is compiled.
class DiagnosticPrinter {
 public:
  explicit DiagnosticPrinter(const Console& console) : console_(console) {}
  void print(const PipelineFile& file);

 private:
  const Console& console_;
  std::set<std::string> printed_;
};
// Those of a file that is compiled once.
void print_diagnostics(const PipelineFile& file, const Console& console);

}  // namespace streamrun
