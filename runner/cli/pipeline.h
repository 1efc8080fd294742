// How the verbs compile a pipeline and say what is wrong with it.
#pragma once

#include "runner/plan/compile.h"

namespace streamrun {

struct Command;

// What the command line says about compiling.
ResolveOptions compile_options(const Command& command);

// Adds what is wrong with the rows of the tests of a pipeline that compiles, which then does so no longer.
void check_tests(const std::string& path, const Catalog& catalog, const ResolveOptions& options,
                 CompiledPipeline& pipeline);

// All diagnostics, in file order, on standard error.
void print_diagnostics(const PipelineFile& file);

}  // namespace streamrun
