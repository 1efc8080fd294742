// YAML text → tree with places. yaml-cpp is sound only behind a gate (size, encoding, control bytes,
// nesting), and within the limits that the reader of its events keeps.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/base/syntax_tree.h"

namespace streamrun {

// Of a pipeline's text, that of all its files together.
inline constexpr std::size_t kLargestText = std::size_t{1} << 20;

// Reads a regular file of at most 1 MiB; a byte order mark is cut. Its content is not checked yet. Nothing:
// a diagnostic was given, at the start of the file.
std::optional<SourceText> load_source_text(const std::string& path, Diagnostics& diagnostics);

// The gate: size, UTF-8, control characters, brackets. False: diagnostics were given.
bool check_text(const SourceText& source, Diagnostics& diagnostics);

// Of values and of their text, with aliases expanded.
struct YamlSize {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
};

// One document, the first text of `source`; keys are unique, aliases expanded, tags refused. Nothing: diagnostics were
// given. There may be diagnostics beside a tree (keys given twice). `size`: what was parsed already, which counts
// against the limits and is added to.
std::optional<SyntaxNode> parse_yaml(const SourceText& source, Diagnostics& diagnostics, YamlSize& size);
std::optional<SyntaxNode> parse_yaml(const SourceText& source, Diagnostics& diagnostics);

}  // namespace streamrun
