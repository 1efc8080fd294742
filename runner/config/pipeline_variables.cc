#include "runner/config/pipeline_variables.h"

#include <fmt/format.h>

#include <cstdlib>

namespace streamrun {
namespace {

constexpr int kDeepest = 50;  // defaults that name params written below them

SyntaxNode* find_section(SyntaxNode& root, std::string_view name) {
  for (SyntaxNode::Entry& entry : root.entries) {
    if (entry.key.value() == name) return &entry.value;
  }
  return nullptr;
}

}  // namespace

PipelineVariables::PipelineVariables(const ParamTexts& given, Diagnostics& diagnostics)
    : given_(given),
      diagnostics_(diagnostics),
      replacer_([this](std::string_view name) { return find(name); }, diagnostics) {
  for (const auto& [name, value] : given) hide(name, value);
}

void PipelineVariables::declare(SyntaxNode& root) {
  SyntaxNode* params = find_section(root, "params");
  if (params == nullptr) return;
  for (SyntaxNode::Entry& param : params->entries) {
    const auto [declared, fresh] = params_.try_emplace(param.key.value());
    if (fresh) declared->second.declaration = &param.value;
  }
}

void PipelineVariables::replace_in_file(SyntaxNode& root) {
  SyntaxNode* params = find_section(root, "params");
  if (params != nullptr) {
    for (SyntaxNode::Entry& param : params->entries) {
      const auto known = params_.find(param.key.value());
      if (known != params_.end() && known->second.declaration == &param.value) {
        settle(known->first, known->second);
      } else {
        replacer_.replace(param.value);
      }
    }
  }
  for (SyntaxNode::Entry& entry : root.entries) {
    if (&entry.value != params && entry.key.value() != "include") replacer_.replace(entry.value);
  }
}

std::optional<std::string> PipelineVariables::find(std::string_view name) {
  if (const auto found = params_.find(name); found != params_.end()) {
    auto& [param, declared] = *found;
    settle(param, declared);
    // Within its own default it is not known yet.
    if (declared.settled && declared.value) {
      used_.insert(param);
      return declared.value;
    }
  }
  if (const char* value = std::getenv(std::string(name).c_str())) {
    hide(name, value);
    return std::string(value);
  }
  return std::nullopt;
}

void PipelineVariables::hide(std::string_view name, std::string_view value) {
  if (names_secret(name)) diagnostics_.hide(value);
}

void PipelineVariables::settle(const std::string& name, Param& param) {
  if (param.replaced) return;
  param.replaced = true;
  if (depth_ >= kDeepest) {
    diagnostics_.error("bad-variable", param.declaration->span,
                       "defaults that name params below them go too deep; write the params in the order of their use");
    param.declaration->faulty = true;
    param.value.emplace();  // so that what names it is no other fault
    param.settled = true;
    return;
  }
  ++depth_;
  replacer_.replace(*param.declaration);
  --depth_;
  const auto given = given_.find(name);
  const SyntaxNode* value = param.declaration->find("default");
  if (given != given_.end()) {
    param.value = given->second;
  } else if (value != nullptr && value->items.empty() && value->entries.empty()) {
    param.value = value->text.value();
  }
  param.settled = true;
}

}  // namespace streamrun
