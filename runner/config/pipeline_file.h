// A pipeline's file, read: the front of the compiler, up to the typed spec.
#pragma once

#include <optional>
#include <string>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/config/pipeline_spec.h"
#include "runner/config/pipeline_variables.h"
#include "runner/operator/catalog.h"

namespace streamrun {

struct PipelineFile {
  SourceText source;  // with the files that it includes; empty where it could not be read
  Diagnostics diagnostics;
  std::optional<PipelineSpec> spec;  // nothing: the file could not be read as YAML; diagnosed
};

// `params`: values given outside the file. In `${…}` they win over the params' defaults, and these over the
// environment.
PipelineFile read_pipeline(const std::string& path, const Catalog& catalog, const ParamTexts& params);

}  // namespace streamrun
