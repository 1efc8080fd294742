#include "runner/cli/help_functions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runner/expr/function.h"

namespace streamrun {

std::vector<FunctionHelp> help_of_functions() {
  std::vector<FunctionHelp> all;
  for (const Function& function : all_functions()) {
    HelpPage page{fmt::format("function {}", function.names[0]),
                  std::string(function.summary),
                  {fmt::format("Written: {}", function.signature)},
                  {},
                  std::string(function.example)};
    if (function.names.size() > 1) {
      page.facts.push_back(fmt::format("Also: {}", fmt::join(function.names.begin() + 1, function.names.end(), ", ")));
    }
    page.facts.push_back(fmt::format("Group: {}", function.group));
    all.push_back({function.names,
                   std::string(function.group),
                   {std::string(function.signature), "", std::string(function.summary)},
                   std::move(page)});
  }
  return all;
}

}  // namespace streamrun
