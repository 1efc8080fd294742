// Where a pipeline's text holds what nobody may read, under whatever key and in whatever state the file is.
#pragma once

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/base/syntax_tree.h"

namespace streamrun {

// Tells `diagnostics` of the values of keys that name secrets, of the passwords in URLs and of private keys. `root` is
// null where the file could not be read as YAML: then more is hidden than need be, up to the ends of lines.
void find_secrets(const SourceText& source, const SyntaxNode* root, Diagnostics& diagnostics);

}  // namespace streamrun
