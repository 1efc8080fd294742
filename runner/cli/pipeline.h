// The compiler's front half, as every verb uses it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "runner/base/diagnostic.h"
#include "runner/config/pipeline_spec.h"
#include "runner/operator/catalog.h"
#include "runner/plan/stream_graph.h"

namespace streamrun {

struct PipelineFile {
  SourceText source{"", ""};
  Diagnostics diagnostics;
  std::optional<PipelineSpec> spec;  // empty: the file could not be read as YAML
  std::string unreadable;            // why the file could not be read at all
};

// `params`: of the command line; they win over the environment in `${…}`.
PipelineFile read_pipeline(const std::string& path, const Catalog& catalog,
                           const std::map<std::string, std::string, std::less<>>& params);

enum class DiagnosticFormat { text, json, github };
// All diagnostics in file order; text goes to standard error, the others to standard output.
void print_diagnostics(const PipelineFile& file, DiagnosticFormat format);

}  // namespace streamrun
