#include <fmt/format.h>

#include "runner/cli/verbs.h"
#include "runner/config/pipeline_schema.h"

namespace streamrun {

int schema_verb(const Command&, const Catalog& catalog) {
  fmt::print("{}\n", pipeline_schema(catalog).dump(2));
  return 0;
}

}  // namespace streamrun
