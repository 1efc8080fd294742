#include "runner/plan/compile.h"

namespace streamrun {

CompiledPipeline compile_pipeline(const std::string& path, const Catalog& catalog, const ResolveOptions& options) {
  CompiledPipeline compiled{read_pipeline(path, catalog, options.params), std::nullopt};
  PipelineFile& file = compiled.file;
  if (file.spec) compiled.plan = compile_spec(*file.spec, catalog, options, file.diagnostics);
  return compiled;
}

std::optional<PhysicalPlan> compile_spec(const PipelineSpec& spec, const Catalog& catalog,
                                         const ResolveOptions& options, Diagnostics& diagnostics) {
  StreamGraph graph = resolve(spec, catalog, options, diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  return lower(std::move(graph));
}

}  // namespace streamrun
