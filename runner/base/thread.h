// The one place that starts threads.
#pragma once

#include <functional>
#include <string_view>
#include <thread>

#include "runner/base/result.h"

namespace streamrun {

// A thread that runs `body`, which throws nothing. Where the system gives none (`ulimit -u`, a container's pids.max, no
// memory for its stack) the error says what it was to be: `the reader of standard input`.
Result<std::thread> start_thread(std::string_view what, std::function<void()> body);

}  // namespace streamrun
