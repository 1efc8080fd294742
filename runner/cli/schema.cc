#include "runner/cli/verbs.h"
#include "runner/config/pipeline_schema.h"

namespace streamrun {

int schema_verb(const Command&, const Catalog& catalog, Console& console) {
  console.print("{}\n", pipeline_schema(catalog).dump(2));
  return console.exit_code(0);
}

}  // namespace streamrun
