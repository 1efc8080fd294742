// Pages of the table of functions. Apart from the other pages, so that these need not know expressions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/cli/help_page.h"

namespace streamrun {

struct FunctionHelp {
  std::vector<std::string_view> names;  // the first is the one that is shown
  std::string group;
  HelpRow row;
  HelpPage page;
};

std::vector<FunctionHelp> help_of_functions();

}  // namespace streamrun
