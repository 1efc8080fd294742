// The JSON Schema (draft 7) of a pipeline's file, for editors and for checks outside this program. It is made
// from the declarations that decode the file, and from nothing else.
#pragma once

#include <nlohmann/json.hpp>

#include "runner/operator/catalog.h"

namespace streamrun {

nlohmann::ordered_json pipeline_schema(const Catalog& catalog);

}  // namespace streamrun
