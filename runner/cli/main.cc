#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#include "operators/builtin_catalog.h"
#include "runner/base/out_of_memory.h"
#include "runner/base/shown_text.h"
#include "runner/cli/command_line.h"
#include "runner/cli/help.h"

namespace {

// Standard streams that were closed stay taken, so that no file which is opened later becomes one of them. Each is open
// the other way round: to use it fails, as if it were closed.
void hold_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) == -1) open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

constexpr std::string_view kOutOfMemory = "error: out of memory; allow more of it\n";

const std::terminate_handler kUsualEnd = std::get_terminate();

// Where no guard stands: memory may end in any thread, and anywhere in it.
[[noreturn]] void end_for_good() {
  try {
    if (const std::exception_ptr fault = std::current_exception()) std::rethrow_exception(fault);
  } catch (const std::bad_alloc&) {
    static_cast<void>(!write(STDERR_FILENO, kOutOfMemory.data(), kOutOfMemory.size()));
    _exit(1);
  } catch (...) {  // as it always is
  }
  kUsualEnd();
  std::abort();
}

// Constructors of libraries allocate before main() is reached, and where there is no room the allocator or the C++
// library ends the process without a word.
void check_address_space(int, char**, char**) {
  // More than the allocator's first steps take, less than with the stack of a thread, which every run needs.
  constexpr std::size_t kEnough = std::size_t{12} << 20;
  // As a system call: what watches memory is not set up either.
  const long room = syscall(SYS_mmap, nullptr, kEnough, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
  if (room == -1) {
    syscall(SYS_write, STDERR_FILENO, kOutOfMemory.data(), kOutOfMemory.size());
    syscall(SYS_exit_group, 1);
  }
  syscall(SYS_munmap, room, kEnough);
}
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_constructors)(int, char**,
                                                                                char**) = check_address_space;

}  // namespace

int main(int argc, char** argv) {
  using namespace streamrun;
  std::set_terminate(end_for_good);
  hold_standard_streams();
  // Whoever reads what is written may go: that is told by the write, not by the end of this process.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow further is an error of the write
  Console console;
  const auto invocation = parse_command_line({argv + (argc > 0 ? 1 : 0), argv + argc});
  if (!invocation) {
    console.say("streamrun: {}\nTry 'streamrun --help'.\n", shown_text(invocation.error().message));
    return 2;
  }
  switch (invocation->kind) {
    case Invocation::Kind::version: console.print("streamrun {}\n", STREAMRUN_VERSION); return console.exit_code(0);
    case Invocation::Kind::help: print_verb_help(invocation->verb, console); return console.exit_code(0);
    case Invocation::Kind::run: break;
  }
  return if_memory_lasts([&] { return invocation->verb->run(invocation->command, builtin_catalog(), console); },
                         [&] {
                           console.say("{}", kOutOfMemory);
                           return 1;
                         });
}
