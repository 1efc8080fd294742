#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runner/cli/verbs.h"

namespace streamrun {
namespace {

using Json = nlohmann::ordered_json;

struct Count {
  std::string_view noun;
  std::size_t number;
};

std::vector<Count> counts(const PipelineSpec& spec) {
  return {{"source", spec.sources.size()},
          {"stream", spec.streams.size()},
          {"output", spec.outputs.size()},
          {"test", spec.tests.size()}};
}

// One of these for all files: what reads the result adds nothing up.
class Report {
 public:
  explicit Report(Console& console) : console_(console) {}
  virtual ~Report() = default;
  virtual void add(const std::string& path, const CompiledPipeline& compiled) = 0;
  virtual void end() {}

 protected:
  Console& console_;
};

class TextReport final : public Report {
 public:
  using Report::Report;
  void add(const std::string& path, const CompiledPipeline& compiled) override {
    print_diagnostics(compiled.file, console_);
    if (!compiled.plan) return;
    std::string text;
    for (const auto& [noun, number] : counts(*compiled.file.spec)) {
      text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", number, noun, number == 1 ? "" : "s");
    }
    console_.print("{}: ok ({})\n", shown_text(path), text);
  }
};

class GithubReport final : public Report {
 public:
  using Report::Report;
  void add(const std::string&, const CompiledPipeline& compiled) override {
    for (const Diagnostic& one : compiled.file.diagnostics.sorted()) {
      console_.print("{}", render_github(one, compiled.file.source));
    }
  }
};

class JsonReport final : public Report {
 public:
  using Report::Report;
  void add(const std::string& path, const CompiledPipeline& compiled) override {
    const PipelineFile& file = compiled.file;
    Json made = {{"file", path}, {"ok", compiled.plan.has_value()}};
    if (compiled.plan) {
      for (const auto& [noun, number] : counts(*file.spec)) made[fmt::format("{}s", noun)] = number;
    }
    made["diagnostics"] = Json::array();
    for (const Diagnostic& one : file.diagnostics.sorted()) {
      const LineColumn at = file.source.locate(one.span.begin);
      const LineColumn end = file.source.locate(one.span.end);
      made["diagnostics"].push_back(Json{{"file", file.source.name(one.span.begin)},
                                         {"line", at.line},
                                         {"column", at.column},
                                         {"end_line", end.line},
                                         {"end_column", end.column},
                                         {"severity", one.severity == Severity::error ? "error" : "warning"},
                                         {"code", one.code},
                                         {"message", one.message}});
    }
    files_.push_back(std::move(made));
  }
  void end() override { console_.print("{}\n", files_.dump(2, ' ', false, Json::error_handler_t::replace)); }

 private:
  Json files_ = Json::array();
};

std::unique_ptr<Report> make_report(std::string_view format, Console& console) {
  if (format == "json") return std::make_unique<JsonReport>(console);
  if (format == "github") return std::make_unique<GithubReport>(console);
  return std::make_unique<TextReport>(console);
}

}  // namespace

int validate_verb(const Command& command, const Catalog& catalog, Console& console) {
  int code = 0;
  const std::unique_ptr<Report> report = make_report(command.format, console);
  for (const std::string& path : command.files) {
    const ResolveOptions options = starts_nothing(compile_options(command));
    CompiledPipeline compiled = compile_pipeline(path, catalog, options);
    if (compiled.plan) check_tests(path, catalog, options, compiled);
    report->add(path, compiled);
    if (!compiled.plan) code = 2;
  }
  report->end();
  return console.exit_code(code);
}

}  // namespace streamrun
