#include "runner/cli/signals.h"

#include <poll.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "runner/base/thread.h"

namespace streamrun {
namespace {

// What a second signal leaves to clean up takes no longer, unless a thread hangs in a write that nobody reads.
constexpr timespec kGrace{1, 0};
// Most batches have ended by then.
constexpr timespec kPatience{5, 0};

}  // namespace

Signals::Signals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  struct sigaction hang_up{};
  if (sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN) sigaddset(&set_, SIGHUP);
  sigaddset(&set_, SIGUSR2);  // wakes the thread at the end
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

Signals::~Signals() {
  if (!thread_.joinable()) return;
  pthread_kill(thread_.native_handle(), SIGUSR2);
  thread_.join();
}

Result<> Signals::start(std::function<void()> waits) {
  auto thread = start_thread("signals", [this, waits = std::move(waits)] { take(waits); });
  if (!thread) return pass_on(thread);
  thread_ = std::move(*thread);
  return {};
}

void Signals::take(const std::function<void()>& waits) {
  int which = 0;
  sigwait(&set_, &which);
  if (which == SIGUSR2) return;
  finish_.request_stop();
  which = sigtimedwait(&set_, nullptr, &kPatience);
  if (which < 0) {
    if (waits) waits();
    sigwait(&set_, &which);
  }
  if (which == SIGUSR2) return;
  abort_.request_stop();
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGUSR2);
  if (sigtimedwait(&end, nullptr, &kGrace) == SIGUSR2) return;
  // Standard error may be what blocks.
  pollfd said{STDERR_FILENO, POLLOUT, 0};
  if (poll(&said, 1, 0) == 1) {
    static constexpr std::string_view kMessage = "error: stopped at once; something is blocked and was left as it is\n";
    static_cast<void>(!write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  }
  _exit(1);
}

}  // namespace streamrun
