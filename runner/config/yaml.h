// YAML text → tree with places. yaml-cpp is sound only behind a gate (size, encoding, control bytes,
// nesting), and within the limits that the reader of its events keeps.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runner/base/diagnostic.h"
#include "runner/base/result.h"
#include "runner/base/source_text.h"
#include "runner/base/syntax_tree.h"

namespace streamrun {

struct YamlOptions {
  // The value of `${NAME}`: of a param, then of the environment. Not set: nothing is replaced.
  std::function<std::optional<std::string>(std::string_view name)> variable;
};

// Reads a regular file of at most 1 MiB; a byte order mark is cut. Its content is not checked yet.
// Errors read `PATH:1:1: error[CODE]: …`, as diagnostics do.
Result<SourceText> load_source_text(const std::string& path);

// The gate: size, UTF-8, control characters, brackets. False: diagnostics were given.
bool check_text(const SourceText& source, Diagnostics& diagnostics);

// One document; keys are unique, aliases expanded, tags refused, variables replaced. Empty: diagnostics
// were given. There may be diagnostics beside a tree (unset variables, keys given twice).
std::optional<SyntaxNode> parse_yaml(const SourceText& source, const YamlOptions& options, Diagnostics& diagnostics);

}  // namespace streamrun
