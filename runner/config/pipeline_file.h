// A pipeline's file, read: the front of the compiler, up to the typed spec.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/config/pipeline_spec.h"
#include "runner/operator/catalog.h"

namespace streamrun {

using ParamTexts = std::map<std::string, std::string, std::less<>>;

struct PipelineFile {
  SourceText source;  // empty where the file could not be read
  Diagnostics diagnostics;
  std::optional<PipelineSpec> spec;  // nothing: the file could not be read as YAML; diagnosed
};

// `params`: values given outside the file. In `${…}` they win over the params' defaults, and these over the
// environment.
PipelineFile read_pipeline(const std::string& path, const Catalog& catalog, const ParamTexts& params);

}  // namespace streamrun
