// `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$` within a scalar.
#pragma once

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/config/yaml.h"

namespace streamrun {

struct Replaced {
  LocatedText text;
  bool whole = false;  // the scalar was one `${…}` and nothing else
};

// Faults stand at the variable's own place; what could not be replaced is left out.
Replaced replace_variables(const LocatedText& scalar, const YamlOptions& options, Diagnostics& diagnostics);

}  // namespace streamrun
