// A pipeline's file and those that it includes, parsed into one space of places.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/base/syntax_tree.h"
#include "runner/config/pipeline_variables.h"
#include "runner/config/yaml.h"

namespace streamrun {

struct ParsedFile {
  Span range;                      // of its text
  std::optional<SyntaxNode> root;  // nothing: it could not be read as YAML; diagnosed
};

// The path of a file that is part of the program and named at `place`: relative to the file that names it.
std::string path_beside(const SourceText& source, Span place, const std::string& path);

class PipelineFiles {
 public:
  // Texts are added to `source`, which holds the pipeline's own.
  PipelineFiles(SourceText& source, PipelineVariables& variables, Diagnostics& diagnostics)
      : source_(source), variables_(variables), diagnostics_(diagnostics) {}

  // Parses the pipeline's own file and all that it includes, and replaces variables in them. What cannot be read is
  // diagnosed.
  void read();

  // In the order of their places, the pipeline's own first.
  const std::deque<ParsedFile>& all() const { return files_; }
  // The roots of those that are included, in the order of `include`; those that one includes itself stand before it.
  const std::vector<const SyntaxNode*>& included() const { return included_; }
  // A file could not be read, so that what seems to be missing may stand there.
  bool incomplete() const { return incomplete_; }

 private:
  void include_from(SyntaxNode& root);
  void include(const LocatedText& path);
  SyntaxNode* parse(const SourceText& text);
  void refuse(const LocatedText& path, std::string code, std::string message);

  SourceText& source_;
  PipelineVariables& variables_;
  Diagnostics& diagnostics_;
  YamlSize size_;
  std::deque<ParsedFile> files_;
  std::vector<const SyntaxNode*> included_;
  std::vector<std::pair<std::string, std::string>> known_;  // files by their canonical path, and how they were named
  std::vector<std::size_t> open_;                           // those of them whose `include` is being read
  bool incomplete_ = false;
};

}  // namespace streamrun
