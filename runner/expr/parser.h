// Text of an expression → untyped tree, by Spark SQL's grammar.
#pragma once

#include <string_view>

#include "runner/expr/ast.h"
#include "runner/expr/lexer.h"

namespace streamrun {

// Null, and `fault`, where the text is no expression.
AstPtr parse_expression(std::string_view text, SyntaxFault& fault);

}  // namespace streamrun
