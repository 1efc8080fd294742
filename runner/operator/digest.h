// Digests, to tell whether something still says the same.
#pragma once

#include <string>
#include <string_view>

#include "runner/base/syntax_tree.h"

namespace streamrun {

std::string digest(std::string_view text);
// Of a part of a pipeline's file. Equal for nodes that say the same in the same order, whatever their places and
// comments.
std::string digest(const SyntaxNode& node);

}  // namespace streamrun
