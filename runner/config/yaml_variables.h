// `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$` in the scalars of a tree.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runner/base/diagnostic.h"
#include "runner/base/syntax_tree.h"

namespace streamrun {

using VariableLookup = std::function<std::optional<std::string>(std::string_view name)>;

// One a pipeline: its texts are at most 1 MiB, all together.
class VariableReplacer {
 public:
  VariableReplacer(VariableLookup lookup, Diagnostics& diagnostics)
      : lookup_(std::move(lookup)), diagnostics_(diagnostics) {}

  // Replaces in all scalars of `node`, keys included, so a value can never add structure. Faults stand at the
  // variable's own place and make the scalar a faulty one. A quoted scalar that is one `${…}` and
  // nothing else counts as a plain one.
  void replace(SyntaxNode& node);

 private:
  LocatedText replace(const LocatedText& text, bool& whole);
  void check_keys(const SyntaxNode& node);

  VariableLookup lookup_;
  Diagnostics& diagnostics_;
  std::size_t bytes_ = 0;
};

}  // namespace streamrun
