#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/expr/function.h"

namespace streamrun {

// The page of functions, or of one.
int print_functions(std::string_view name) {
  if (name.empty()) {
    for (const Function& one : all_functions()) {
      if (!one.summary.empty()) fmt::print("  {:<48} {}\n", one.signature, one.summary);
    }
    return 0;
  }
  const Function* one = find_function(name);
  if (!one) {
    std::vector<std::string_view> names;
    for (const Function& f : all_functions()) names.push_back(f.names[0]);
    fmt::print(stderr, "there is no function '{}'{}\n", name, did_you_mean(name, names));
    return 2;
  }
  fmt::print("{}\n{}\n{}\n", one->signature, one->summary, one->example);
  return 0;
}

}  // namespace streamrun
