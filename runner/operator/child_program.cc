#include "runner/operator/child_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "runner/operator/option_faults.h"

extern char** environ;

namespace streamrun {
namespace {

// What a program that is to stop gets to end by itself, in milliseconds.
constexpr int kGrace = 300;
// How long a wait may pass over that it is to stop.
constexpr int kLook = 50;
constexpr std::size_t kPiece = std::size_t{256} << 10;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

Result<Pipe> make_pipe(const std::string& name) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("make a pipe to", name);
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

bool do_not_block(const FileDescriptor& end) {
  return ::fcntl(end.get(), F_SETFL, O_NONBLOCK) == 0;
}

// How it is started. This process ignores SIGPIPE and blocks others; a program expects neither.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    sigset_t defaults;
    sigset_t blocked;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigemptyset(&blocked);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setsigmask(&attributes_, &blocked);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

}  // namespace

Shape Codec<ProgramCommand>::shape() {
  return Shape::list_of(Codec<std::string>::shape());
}
bool Codec<ProgramCommand>::decode(const SyntaxNode& node, ProgramCommand& out, DecodeContext& context) {
  if (node.kind == SyntaxNode::Kind::sequence) {
    return Codec<std::vector<std::string>>::decode(node, out.argv, context);
  }
  return wrong_type(node, "a list, [program, argument…]", context);
}

bool check_command(const ProgramCommand& command, std::string_view whose, bool allow_exec, Span place,
                   Diagnostics& diagnostics) {
  if (command.argv.empty() || command.argv[0].empty()) {
    diagnostics.error("bad-option", place, "`command` is empty; it is a list, [program, argument…]");
    return false;
  }
  if (!allow_exec) {
    diagnostics.error("needs-allow-exec", place,
                      fmt::format("{} runs '{}': needs --allow-exec", whose, command.argv[0]));
  }
  return true;
}

std::string unread_warning(std::string_view program, std::uint64_t unread, std::uint64_t size, BatchTime batch) {
  return fmt::format("'{}' ended with exit code 0, but read only {} of the {} bytes of batch {}", program,
                     size - unread, size, format_batch_time(batch));
}

Result<std::unique_ptr<ChildProgram>> ChildProgram::start(const ProgramStart& what, const ProgramInput& input,
                                                          std::function<bool()> stopping) {
  std::unique_ptr<ChildProgram> program(new ChildProgram(what.command[0], input, std::move(stopping)));
  if (program->stopping_()) return failure(fmt::format("stopped at once, and '{}' was not started", program->name_));
  if (auto spawned = program->spawn(what); !spawned) return pass_on(spawned);
  return program;
}

ChildProgram::~ChildProgram() {
  if (id_ != 0) stop();
}

Result<> ChildProgram::spawn(const ProgramStart& what) {
  auto input = make_pipe(name_);
  if (!input) return pass_on(input);
  unread_ = std::move(input->read);
  feeding_ = std::move(input->write);
  Pipe output;
  if (what.reads_output) {
    auto made = make_pipe(name_);
    if (!made) return pass_on(made);
    output = std::move(*made);
    output_ = std::move(output.read);
  }
  if (!do_not_block(feeding_) || (output_ && !do_not_block(output_))) return system_failure("make a pipe to", name_);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, unread_.get(), STDIN_FILENO);
  if (output.write) posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  if (!what.folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, what.folder.c_str());
  std::vector<char*> arguments;
  for (const std::string& argument : what.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int code = ::posix_spawnp(&id_, name_.c_str(), &actions, SpawnAttributes().get(), arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    id_ = 0;
    return failure(fmt::format("cannot run '{}': {}", name_, std::strerror(code)), ErrorKind::transient);
  }
  handle_.reset(static_cast<int>(::syscall(SYS_pidfd_open, id_, 0)));
  if (!handle_) return system_failure("watch", name_);
  return {};
}

Result<bool> ChildProgram::next_piece() {
  if (taken_ < input_.header.size()) {
    piece_ = {nullptr, input_.header};
  } else if (taken_ < input_.size()) {
    auto piece = input_.rest->read_at(taken_ - input_.header.size(), kPiece);
    if (!piece) return pass_on(piece);
    piece_ = std::move(*piece);
  } else {
    return false;
  }
  taken_ += piece_.bytes.size();
  return true;
}

// As much as it takes now.
Result<> ChildProgram::feed() {
  while (feeding_ && !ended_) {
    if (piece_.bytes.empty()) {
      const auto more = next_piece();
      if (!more) return pass_on(more);
      if (!*more) break;
    }
    const ssize_t n = ::write(feeding_.get(), piece_.bytes.data(), piece_.bytes.size());
    if (n >= 0) {
      fed_ += static_cast<std::uint64_t>(n);
      piece_.bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      return {};
    } else if (errno != EINTR) {
      return system_failure("write to", name_);
    }
  }
  feeding_.reset();
  piece_ = {};
  return {};
}

Result<> ChildProgram::go_on() {
  if (!stopping_()) return {};
  stop();
  return failure(fmt::format("stopped at once, and '{}' with it", name_));
}

Result<> ChildProgram::wait() {
  pollfd ends[] = {{feeding_.get(), POLLOUT, 0}, {output_.get(), POLLIN, 0}, {ended_ ? -1 : handle_.get(), POLLIN, 0}};
  ::poll(ends, std::size(ends), kLook);
  ended_ = ended_ || ends[2].revents != 0;
  return go_on();
}

Result<std::size_t> ChildProgram::read(char* into, std::size_t size) {
  // One that prints without end never has to be waited for.
  if (auto wanted = go_on(); !wanted) return pass_on(wanted);
  while (feeding_ || output_) {
    if (auto fed = feed(); !fed) return pass_on(fed);
    if (output_) {
      const ssize_t n = ::read(output_.get(), into, size);
      if (n > 0) return static_cast<std::size_t>(n);
      if (n == 0) output_.reset();
      if (n < 0 && errno != EAGAIN && errno != EINTR) return system_failure("read from", name_);
    }
    if (!feeding_ && !output_) break;
    if (auto ready = wait(); !ready) return pass_on(ready);
  }
  return 0;
}

Result<std::uint64_t> ChildProgram::finish() {
  assert(!output_);
  if (auto fed = read(nullptr, 0); !fed) return pass_on(fed);
  while (!ended_) {
    if (auto ready = wait(); !ready) return pass_on(ready);
  }
  if (auto reaped = reap(); !reaped) return pass_on(reaped);
  int unread = 0;
  ::ioctl(unread_.get(), FIONREAD, &unread);
  return input_.size() - fed_ + static_cast<std::uint64_t>(unread);
}

// Its number is its own, and that of its group, until it is waited for.
void ChildProgram::stop() {
  ::kill(-id_, SIGTERM);
  pollfd ended{handle_.get(), POLLIN, 0};
  if (handle_ && !ended_) ::poll(&ended, 1, kGrace);
  ::kill(-id_, SIGKILL);
  const pid_t id = std::exchange(id_, 0);
  while (::waitpid(id, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<> ChildProgram::reap() {
  const pid_t id = std::exchange(id_, 0);
  int status = 0;
  while (::waitpid(id, &status, 0) < 0) {
    if (errno != EINTR) return system_failure("wait for", name_);
  }
  if (WIFSIGNALED(status)) {
    return failure(fmt::format("'{}' was ended by signal {}", name_, WTERMSIG(status)), ErrorKind::transient);
  }
  if (WEXITSTATUS(status) != 0) {
    return failure(fmt::format("'{}' ended with exit code {}", name_, WEXITSTATUS(status)), ErrorKind::transient);
  }
  return {};
}

}  // namespace streamrun
