#include "runner/expr/constant.h"

#include "runner/expr/node.h"

namespace streamrun {

Param constant_param(const Column& column) {
  return {column.type(), constant_of(column, 0, 1)};
}

}  // namespace streamrun
