#include "runner/data/text_value.h"
#include "runner/expr/expression.h"
