// What a run says on standard error: log lines; on a terminal a progress line under them, and a summary at the end.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "runner/base/shown_text.h"
#include "runner/cli/console.h"
#include "runner/exec/run.h"

namespace streamrun {

class RunReporter {
 public:
  struct Settings {
    bool terminal = false;  // a person reads: progress and summary are shown
    bool progress = false;  // the progress line, where nothing else is written to the terminal
    bool json = false;      // log lines are JSON objects
    bool quiet = false;     // only what went wrong
  };
  // `secrets`: what no line may hold.
  RunReporter(Settings settings, Secrets secrets, const Console& console);

  // Any thread. Whatever `text` quotes, a line stays a line.
  void log(LogLevel level, const std::string& text);
  // One thread, after every batch.
  void batch_done(const BatchProgress& batch);
  // Says why the run failed, if it did.
  void finish(const RunReport& report);

 private:
  using Time = std::chrono::steady_clock::time_point;

  void clear_line();

  const Settings settings_;
  const Secrets secrets_;
  const Console& console_;
  const Time started_;
  std::mutex mutex_;
  Time drawn_;
  bool shown_ = false;
  std::uint64_t records_ = 0;  // since the line was drawn last
};

}  // namespace streamrun
