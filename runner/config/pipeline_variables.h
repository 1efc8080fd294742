// What `${NAME}` stands for in the files of a pipeline: a param, else a variable of the environment.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "runner/config/yaml_variables.h"

namespace streamrun {

using ParamTexts = std::map<std::string, std::string, std::less<>>;

class PipelineVariables {
 public:
  // `given`: values from outside the files, which win over the params' defaults.
  PipelineVariables(const ParamTexts& given, Diagnostics& diagnostics);

  // The params of a file, whose root stays where it is. Their defaults may hold variables, and each other.
  void declare(SyntaxNode& root);
  // In all of a file but its `include`.
  void replace_in_file(SyntaxNode& root);
  // In an `include`.
  void replace(SyntaxNode& node) { replacer_.replace(node); }
  std::optional<std::string> find(std::string_view name);

  // Whether a `${param}` was met.
  bool used(const std::string& param) const { return used_.contains(param); }

 private:
  struct Param {
    SyntaxNode* declaration = nullptr;
    bool replaced = false;  // or about to be
    bool settled = false;
    std::optional<std::string> value;
  };

  void hide(std::string_view name, std::string_view value);
  void settle(const std::string& name, Param& param);

  const ParamTexts& given_;
  Diagnostics& diagnostics_;
  VariableReplacer replacer_;
  std::map<std::string, Param, std::less<>> params_;
  std::set<std::string, std::less<>> used_;
  int depth_ = 0;
};

}  // namespace streamrun
