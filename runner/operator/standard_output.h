// Standard output, shared by the sinks that write to it.
#pragma once

#include <string>
#include <string_view>

#include "runner/base/result.h"

namespace streamrun {

// What data holds of control bytes is shown, not obeyed, where a person's terminal reads it. One thread at a time.
class StandardOutput {
 public:
  explicit StandardOutput(int descriptor);

  Result<> write(std::string_view bytes);

 private:
  int descriptor_;
  bool terminal_;
};

// `\x1B` for what a terminal would act on: C0 and C1 controls but tab and line feed.
std::string show_controls(std::string_view text);

}  // namespace streamrun
