#include "runner/config/pipeline_file.h"

#include <fmt/format.h>

#include "runner/config/pipeline_files.h"
#include "runner/config/secret_places.h"
#include "runner/config/yaml.h"

namespace streamrun {
namespace {

// A schema in a file of its own; its first fault is told at `place`, where it is asked for.
class SchemaFiles {
 public:
  SchemaFiles(PipelineVariables& variables, Diagnostics& diagnostics)
      : variables_(variables), diagnostics_(diagnostics) {}

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
    const std::string where = (text ? *text : SourceText(path, {})).place(first.span.begin);
    diagnostics_.error("bad-schema-file", place, fmt::format("{}: {}", where, first.message));
    return false;
  }

 private:
  PipelineVariables& variables_;
  Diagnostics& diagnostics_;
};

}  // namespace

PipelineFile read_pipeline(const std::string& path, const Catalog& catalog, const ParamTexts& params) {
  PipelineFile file{SourceText(path, {}), {}, std::nullopt};
  auto text = load_source_text(path, file.diagnostics);
  if (!text) return file;
  file.source = std::move(*text);
  PipelineVariables variables(params, file.diagnostics);
  PipelineFiles files(file.source, variables, file.diagnostics);
  files.read();
  if (const auto& root = files.all().front().root) {
    SchemaFiles schemas(variables, file.diagnostics);
    DecodeContext context{.diagnostics = file.diagnostics};
    context.catalog = &catalog;
    context.load_schema = [&](const std::string& schema, Span place, SchemaOption& out) {
      return schemas.load(path_beside(file.source, place, schema), place, out);
    };
    file.spec = bind_spec({file.source, *root, files.included(), files.incomplete()}, catalog, context);
  }
  find_secrets(file.source, files.all(), file.diagnostics);
  for (const Span secret : file.diagnostics.hidden()) file.source.hide(secret);
  if (!file.spec) return file;
  file.spec->text = std::make_shared<const SourceText>(file.source);
  for (ParamSpec& param : file.spec->params) param.used_in_text = variables.used(param.name.value());
  return file;
}

}  // namespace streamrun
