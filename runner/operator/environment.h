// The outside world, passed in: what sources and sinks may use.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runner/base/clock.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/record_reader.h"

namespace streamrun {

enum class LogLevel { info, warning, error };

struct Environment {
  Clock* clock = nullptr;
  int input = 0;  // descriptors of standard input and output
  int output = 1;
  bool allow_exec = false;
  std::string working_folder;  // data and state paths are relative to it; empty: the process's own
  std::shared_ptr<BufferPool> buffers = std::make_shared<BufferPool>();
  std::shared_ptr<SpoolPool> spools = std::make_shared<SpoolPool>();
  std::function<void(LogLevel, const std::string&)> log;
};

}  // namespace streamrun
