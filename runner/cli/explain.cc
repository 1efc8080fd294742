#include "runner/plan/explain.h"

#include "runner/cli/verbs.h"

namespace streamrun {

int explain_verb(const Command& command, const Catalog& catalog, Console& console) {
  constexpr std::pair<std::string_view, std::string (*)(const Explanation&)> kRenderers[] = {
      {"text", explain_text}, {"json", explain_json}, {"dot", explain_dot}};
  const CompiledPipeline compiled =
      compile_pipeline(command.files.at(0), catalog, starts_nothing(compile_options(command)));
  print_diagnostics(compiled.file, console);
  if (!compiled.plan) return 2;
  for (const auto& [format, render] : kRenderers) {
    if (format == command.format) console.print("{}", render(explain(*compiled.plan)));
  }
  return console.exit_code(0);
}

}  // namespace streamrun
