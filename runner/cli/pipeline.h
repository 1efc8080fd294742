// How the verbs compile a pipeline and say what is wrong with it.
#pragma once

#include "runner/plan/compile.h"

namespace streamrun {

struct Command;

// What the command line says about compiling.
ResolveOptions compile_options(const Command& command);

// All diagnostics, in file order, on standard error.
void print_diagnostics(const PipelineFile& file);

}  // namespace streamrun
