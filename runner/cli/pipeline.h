// How the verbs compile a pipeline and say what is wrong with it.
#pragma once

#include "runner/plan/compile.h"

namespace streamrun {

struct Command;

// What the command line says about compiling.
ResolveOptions compile_options(const Command& command);

enum class DiagnosticFormat { text, json, github };
// All diagnostics in file order; text goes to standard error, the others to standard output.
void print_diagnostics(const PipelineFile& file, DiagnosticFormat format);

}  // namespace streamrun
