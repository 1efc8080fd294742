#include "runner/cli/pipeline.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "runner/config/yaml.h"

namespace streamrun {

PipelineFile read_pipeline(const std::string& path, const Catalog& catalog,
                           const std::map<std::string, std::string, std::less<>>& params) {
  PipelineFile file;
  auto loaded = load_source_text(path);
  if (!loaded) {
    file.unreadable = loaded.error().message;
    return file;
  }
  file.source = std::move(*loaded);
  if (!check_text(file.source, file.diagnostics)) return file;
  YamlOptions yaml;
  yaml.variable = [&](std::string_view name) -> std::optional<std::string> {
    if (const auto found = params.find(name); found != params.end()) return found->second;
    if (const char* value = std::getenv(std::string(name).c_str())) return std::string(value);
    return std::nullopt;
  };
  const auto tree = parse_yaml(file.source, yaml, file.diagnostics);
  if (!tree) return file;
  // A param's default serves in `${…}` too, so the tree is read again once the params are known.
  std::map<std::string, std::string, std::less<>> defaults;
  if (const SyntaxNode* declared = tree->kind == SyntaxNode::Kind::mapping ? tree->find("params") : nullptr) {
    for (const auto& entry : declared->entries) {
      if (const SyntaxNode* value = entry.value.find("default")) defaults[entry.key.value()] = value->text.value();
    }
  }
  std::optional<SyntaxNode> root = tree;
  if (!defaults.empty()) {
    Diagnostics again;
    YamlOptions with_params;
    with_params.variable = [&](std::string_view name) -> std::optional<std::string> {
      if (const auto found = params.find(name); found != params.end()) return found->second;
      if (const auto found = defaults.find(name); found != defaults.end()) return found->second;
      return yaml.variable(name);
    };
    root = parse_yaml(file.source, with_params, again);
    file.diagnostics = again;
    if (!root) return file;
  }
  DecodeContext context{.diagnostics = file.diagnostics};
  context.catalog = &catalog;
  context.folder = std::filesystem::path(path).parent_path().string();
  context.load_schema = [&](const std::string& schema_path, Span place, SchemaOption& out) {
    const auto fault = [&](const std::string& message) {
      file.diagnostics.error("bad-schema-file", place, message);
      return false;
    };
    auto text = load_source_text(schema_path);
    if (!text) return fault(text.error().message);
    Diagnostics own;
    DecodeContext inner{.diagnostics = own};
    const auto schema = parse_yaml(*text, yaml, own);
    if (schema && schema->kind == SyntaxNode::Kind::mapping && Codec<SchemaOption>::decode(*schema, out, inner))
      return true;
    if (!own.has_errors()) return fault(fmt::format("{}:1:1: a schema is a mapping of names and types", schema_path));
    const Diagnostic first = own.sorted().front();
    const LineColumn at = text->locate(first.span.begin);
    return fault(fmt::format("{}:{}:{}: {}", schema_path, at.line, at.column, first.message));
  };
  file.spec = bind_spec(*root, catalog, path, context);
  return file;
}

void print_diagnostics(const PipelineFile& file, DiagnosticFormat format) {
  if (format == DiagnosticFormat::json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Diagnostic& one : file.diagnostics.sorted()) {
      const LineColumn at = file.source.locate(one.span.begin);
      const LineColumn end = file.source.locate(one.span.end);
      all.push_back({{"file", file.source.name()},
                     {"line", at.line},
                     {"column", at.column},
                     {"end_line", end.line},
                     {"end_column", end.column},
                     {"severity", one.severity == Severity::error ? "error" : "warning"},
                     {"code", one.code},
                     {"message", one.message}});
    }
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  for (const Diagnostic& one : file.diagnostics.sorted()) {
    if (format == DiagnosticFormat::github) {
      fmt::print("{}\n", render_github(one, file.source));
    } else {
      const std::string text = render_text(one, file.source);
      fmt::print(stderr, "{}{}", text, text.ends_with('\n') ? "" : "\n");
    }
  }
}

}  // namespace streamrun
