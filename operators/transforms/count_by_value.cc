#include "operators/builtin_catalog.h"
#include "runner/operator/count_binding.h"

namespace streamrun {

TransformDescriptor describe_count_by_value() {
  return describe_transform<CountByValueOptions>(
      "count_by_value", "each distinct value with the number of its rows", "countByValue", "word string, line bigint",
      "count_by_value: [word]",
      Options<CountByValueOptions>{}
          .optional("columns", &CountByValueOptions::columns, "all", "the columns that make a value")
          .whole(&CountByValueOptions::columns, "the columns that make a value")
          .table(),
      bind_count_by_value);
}

}  // namespace streamrun
