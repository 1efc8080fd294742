// The compiler, whole: a pipeline's file made into a plan. Opens neither input nor output.
#pragma once

#include <optional>
#include <string>

#include "runner/config/pipeline_file.h"
#include "runner/plan/stream_graph.h"

namespace streamrun {

struct CompiledPipeline {
  PipelineFile file;
  std::optional<PhysicalPlan> plan;  // nothing: the file's diagnostics say why
};

CompiledPipeline compile_pipeline(const std::string& path, const Catalog& catalog, const ResolveOptions& options);

// From a spec on. Nothing: `diagnostics` has errors.
std::optional<PhysicalPlan> compile_spec(const PipelineSpec& spec, const Catalog& catalog,
                                         const ResolveOptions& options, Diagnostics& diagnostics);

}  // namespace streamrun
