// The outside world, passed in: what sources and sinks may use.
#pragma once

#include <functional>
#include <string>

#include "runner/base/clock.h"

namespace streamrun {

enum class LogLevel { info, warning, error };

struct Environment {
  Clock* clock = nullptr;
  int input = 0;               // descriptors of standard input and output
  int output = 1;
  bool allow_exec = false;
  std::string working_folder;  // data and state paths are relative to it; empty: the process's own
  std::function<void(LogLevel, const std::string&)> log;
};

}  // namespace streamrun
