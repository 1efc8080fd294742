// Signals that ask a run to end.
#pragma once

#include <signal.h>

#include <functional>
#include <stop_token>
#include <thread>

#include "runner/base/result.h"
#include "runner/exec/run.h"

namespace streamrun {

// The first SIGINT, SIGTERM or SIGHUP (a terminal that has gone, unless `nohup` ignores that) asks to finish, the
// second to stop at once. The signals are blocked in every thread and taken by one of its own.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // `waits`: called by another thread, once, if what is to finish takes its time.
  Result<> start(std::function<void()> waits = {});
  StopSignals stop() const { return {finish_.get_token(), abort_.get_token()}; }

 private:
  void take(const std::function<void()>& waits);

  sigset_t set_{};
  std::stop_source finish_, abort_;
  std::thread thread_;
};

}  // namespace streamrun
