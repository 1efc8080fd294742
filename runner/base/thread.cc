#include "runner/base/thread.h"

#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace streamrun {
namespace {

constexpr std::string_view kRemedy =
    "; allow this user or container more of them (`ulimit -u`, pids.max), or more memory";

}  // namespace

Result<std::thread> start_thread(std::string_view what, std::function<void()> body) {
  std::string why;
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& fault) {
    why = fault.code().message();
  } catch (const std::bad_alloc&) {
    why = "out of memory";
  }
  return failure("cannot start a thread for " + std::string(what) + ": " + why + std::string(kRemedy),
                 ErrorKind::transient);
}

}  // namespace streamrun
