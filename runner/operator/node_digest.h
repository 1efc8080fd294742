// A digest of a part of a pipeline's file, to tell whether it still says the same.
#pragma once

#include <string>

#include "runner/base/syntax_tree.h"

namespace streamrun {

// Equal for nodes that say the same in the same order, whatever their places and comments.
std::string digest(const SyntaxNode& node);

}  // namespace streamrun
