#include "runner/config/pipeline_file.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "runner/config/secret_places.h"
#include "runner/config/yaml.h"
#include "runner/config/yaml_variables.h"

namespace streamrun {
namespace {

// What `${NAME}` stands for.
class Variables {
 public:
  Variables(const ParamTexts& given, Diagnostics& diagnostics) : given_(given), diagnostics_(diagnostics) {
    for (const auto& [name, value] : given) hide(name, value);
  }

  void declare(const std::string& param, const SyntaxNode& declaration) {
    const auto given = given_.find(param);
    const SyntaxNode* value = declaration.find("default");
    if (given != given_.end()) {
      params_[param] = given->second;
    } else if (value != nullptr && value->items.empty() && value->entries.empty()) {
      params_[param] = value->text.value();
    }
  }

  std::optional<std::string> find(std::string_view name) {
    if (const auto param = params_.find(name); param != params_.end()) {
      used_.insert(param->first);
      return param->second;
    }
    if (const char* value = std::getenv(std::string(name).c_str())) {
      hide(name, value);
      return std::string(value);
    }
    return std::nullopt;
  }

  bool used(const std::string& param) const { return used_.contains(param); }

 private:
  void hide(std::string_view name, std::string_view value) {
    if (names_secret(name)) diagnostics_.hide(value);
  }

  const ParamTexts& given_;
  Diagnostics& diagnostics_;
  ParamTexts params_;
  std::set<std::string, std::less<>> used_;
};

// Defaults may hold variables too, and params that are declared above.
void replace_variables(SyntaxNode& root, Variables& variables, Diagnostics& diagnostics) {
  VariableReplacer replacer([&](std::string_view name) { return variables.find(name); }, diagnostics);
  SyntaxNode* params = nullptr;
  for (SyntaxNode::Entry& entry : root.entries) {
    if (entry.key.value() == "params") params = &entry.value;
  }
  if (params != nullptr) {
    for (SyntaxNode::Entry& param : params->entries) {
      replacer.replace(param.value);
      variables.declare(param.key.value(), param.value);
    }
  }
  for (SyntaxNode::Entry& entry : root.entries) {
    if (&entry.value != params) replacer.replace(entry.value);
  }
}

// A schema in a file of its own; its first fault is told at `place`, where it is asked for.
class SchemaFiles {
 public:
  SchemaFiles(Variables& variables, Diagnostics& diagnostics) : variables_(variables), diagnostics_(diagnostics) {}

  bool load(const std::string& path, Span place, SchemaOption& out) {
    Diagnostics own;
    const auto text = load_source_text(path, own);
    auto tree = text ? parse_yaml(*text, own) : std::nullopt;
    if (tree) {
      VariableReplacer([&](std::string_view name) { return variables_.find(name); }, own).replace(*tree);
      DecodeContext context{.diagnostics = own};
      if (tree->kind != SyntaxNode::Kind::mapping) {
        own.error("wrong-type", tree->span, "a schema is a mapping of names and types");
      } else {
        Codec<SchemaOption>::decode(*tree, out, context);
      }
    }
    if (!own.has_errors()) return true;
    const Diagnostic first = own.sorted().front();
    const LineColumn at = text ? text->locate(first.span.begin) : LineColumn{};
    diagnostics_.error("bad-schema-file", place, fmt::format("{}:{}:{}: {}", path, at.line, at.column, first.message));
    return false;
  }

 private:
  Variables& variables_;
  Diagnostics& diagnostics_;
};

void hide_secrets(PipelineFile& file, const SyntaxNode* root) {
  find_secrets(file.source, root, file.diagnostics);
  for (const Span secret : file.diagnostics.hidden()) file.source.hide(secret);
}

}  // namespace

PipelineFile read_pipeline(const std::string& path, const Catalog& catalog, const ParamTexts& params) {
  PipelineFile file{SourceText(path, {}), {}, std::nullopt};
  auto text = load_source_text(path, file.diagnostics);
  if (!text) return file;
  file.source = std::move(*text);
  auto root = parse_yaml(file.source, file.diagnostics);
  if (!root) {
    hide_secrets(file, nullptr);
    return file;
  }
  Variables variables(params, file.diagnostics);
  replace_variables(*root, variables, file.diagnostics);
  SchemaFiles schemas(variables, file.diagnostics);
  DecodeContext context{.diagnostics = file.diagnostics};
  context.catalog = &catalog;
  context.folder = std::filesystem::path(path).parent_path().string();
  context.load_schema = [&](const std::string& schema, Span place, SchemaOption& out) {
    return schemas.load(schema, place, out);
  };
  file.spec = bind_spec(*root, catalog, path, context);
  hide_secrets(file, &*root);
  file.spec->text = std::make_shared<const SourceText>(file.source);
  for (ParamSpec& param : file.spec->params) param.used_in_text = variables.used(param.name.value());
  return file;
}

}  // namespace streamrun
