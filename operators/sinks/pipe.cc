// Each batch to a program's standard input.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <mutex>
#include <set>

#include "operators/builtin_catalog.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/file_descriptor.h"
#include "runner/operator/option_faults.h"
#include "runner/operator/row_encoder.h"
#include "runner/operator/sink.h"

extern char** environ;

namespace streamrun {
namespace {

struct Command {
  std::vector<std::string> argv;
};

}  // namespace

// No shell splits a text into words, so that a text alone is no command.
template <>
struct Codec<Command> {
  static Shape shape() { return Shape::list_of(Codec<std::string>::shape()); }
  static bool decode(const SyntaxNode& node, Command& out, DecodeContext& context) {
    if (node.kind == SyntaxNode::Kind::sequence)
      return Codec<std::vector<std::string>>::decode(node, out.argv, context);
    return wrong_type(node, "a list, [program, argument…]", context);
  }
};

namespace {

struct PipeOptions {
  Command command;
};

// What a program that is to stop gets to end by itself.
constexpr std::chrono::milliseconds kGrace{300};

// A program that runs, and the pipe to it: both ends, so that what it left unread can be counted. Since the pipe does
// not break with the program's end, that is watched for.
struct Program {
  pid_t id = 0;
  FileDescriptor handle;  // readable once it has ended
  FileDescriptor input;   // does not block
  FileDescriptor unread;
};

FileDescriptor handle_of(pid_t program) {
  return FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, program, 0)));
}

// The programs that run now. Thread-safe.
class Running {
 public:
  void add(pid_t program) {
    const std::scoped_lock lock(mutex_);
    programs_.insert(program);
    if (stopping_) ::kill(-program, SIGKILL);
  }
  // Once it has ended, while its number is still its own. False: it may have been made to end.
  bool remove(pid_t program) {
    const std::scoped_lock lock(mutex_);
    programs_.erase(program);
    return !stopping_;
  }
  // Tells all of them, and what they have started, to end, then ends them. None runs on that comes later.
  void stop() {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (const pid_t program : programs_) ::kill(-program, SIGTERM);
    const auto until = std::chrono::steady_clock::now() + kGrace;
    for (const pid_t program : programs_) {
      const FileDescriptor handle = handle_of(program);
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd ended{handle.get(), POLLIN, 0};
      if (handle && left.count() > 0) ::poll(&ended, 1, static_cast<int>(left.count()));
      ::kill(-program, SIGKILL);
    }
  }

 private:
  std::mutex mutex_;
  std::set<pid_t> programs_;
  bool stopping_ = false;
};

Result<Program> run(const std::vector<std::string>& command, const std::string& folder) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("make a pipe to", command[0]);
  Program program;
  program.unread.reset(ends[0]);
  program.input.reset(ends[1]);
  if (::fcntl(program.input.get(), F_SETFL, O_NONBLOCK) != 0) return system_failure("write to", command[0]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, program.unread.get(), STDIN_FILENO);
  if (!folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  // This process ignores SIGPIPE; a program expects it. A group of its own: an interrupt at the terminal asks this
  // process to finish the batch, which it cannot do without the program.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigset_t blocked;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigemptyset(&blocked);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setsigmask(&attributes, &blocked);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int code = ::posix_spawnp(&program.id, command[0].c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) {
    return failure(fmt::format("cannot run '{}': {}", command[0], std::strerror(code)), ErrorKind::transient);
  }
  program.handle = handle_of(program.id);
  return program;
}

// Waits for its end. Its number stays its own until `running` has forgotten it.
Result<> wait_for(const Program& program, Running& running, const std::string& name) {
  siginfo_t ended{};
  while (::waitid(P_PID, static_cast<id_t>(program.id), &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  const bool by_itself = running.remove(program.id);
  int status = 0;
  while (::waitpid(program.id, &status, 0) < 0) {
    if (errno != EINTR) return system_failure("wait for", name);
  }
  if (!by_itself) return failure(fmt::format("stopped at once, and '{}' with it", name));
  if (WIFSIGNALED(status)) {
    return failure(fmt::format("'{}' was ended by signal {}", name, WTERMSIG(status)), ErrorKind::transient);
  }
  if (WEXITSTATUS(status) != 0) {
    return failure(fmt::format("'{}' ended with exit code {}", name, WEXITSTATUS(status)), ErrorKind::transient);
  }
  return {};
}

struct PipeTarget {
  std::string output;
  std::vector<std::string> command;
  std::shared_ptr<const RowEncoder> encoder;
};

class PipeStage final : public Stage {
 public:
  PipeStage(std::shared_ptr<const PipeTarget> target, std::shared_ptr<Running> running, BatchTime batch,
            const Environment& environment)
      : target_(std::move(target)),
        running_(std::move(running)),
        batch_(batch),
        folder_(environment.working_folder),
        log_(environment.log),
        spool_(environment.spools) {}

  Result<> append(StagedRows&& rows) override { return spool_.append(std::move(rows.bytes)); }

  Result<> publish() override {
    const std::string& name = target_->command[0];
    auto program = run(target_->command, folder_);
    if (!program) return pass_on(program);
    running_->add(program->id);
    auto fed = feed(*program);
    program->input.reset();
    auto ended = wait_for(*program, *running_, name);
    if (!ended) return ended;
    if (!fed) return pass_on(fed);
    int unread = 0;
    ::ioctl(program->unread.get(), FIONREAD, &unread);
    const std::uint64_t left = size() - *fed + static_cast<std::uint64_t>(unread);
    if (left != 0 && log_) {
      log_(LogLevel::warning,
           fmt::format("output '{}': '{}' ended with exit code 0, but read only {} of the {} bytes of batch {}",
                       target_->output, name, size() - left, size(), format_batch_time(batch_)));
    }
    return {};
  }

  void discard() override { spool_.clear(); }

 private:
  std::uint64_t size() const { return target_->encoder->header().size() + spool_.size(); }

  // The bytes that went into the pipe before the program ended.
  Result<std::uint64_t> feed(const Program& program) const {
    std::uint64_t fed = 0;
    bool ended = false;
    const auto write = [&](std::string_view bytes) -> Result<> {
      while (!bytes.empty() && !ended) {
        const ssize_t n = ::write(program.input.get(), bytes.data(), bytes.size());
        if (n >= 0) {
          fed += static_cast<std::uint64_t>(n);
          bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
          pollfd either[] = {{program.input.get(), POLLOUT, 0}, {program.handle.get(), POLLIN, 0}};
          ::poll(either, std::size(either), -1);
          ended = either[1].revents != 0;
        } else if (errno != EINTR) {
          return system_failure("write to", target_->command[0]);
        }
      }
      return {};
    };
    auto written = write(target_->encoder->header());
    if (written) written = spool_.read(write);
    if (!written) return pass_on(written);
    return fed;
  }

  std::shared_ptr<const PipeTarget> target_;
  std::shared_ptr<Running> running_;
  BatchTime batch_;
  std::string folder_;
  std::function<void(LogLevel, const std::string&)> log_;
  ByteSpool spool_;
};

class PipeSink final : public Sink {
 public:
  PipeSink(std::shared_ptr<const PipeTarget> target, const Environment& environment)
      : target_(std::move(target)), environment_(environment) {}

  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    target_->encoder->encode(batch, out);
  }
  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override {
    return std::make_unique<PipeStage>(target_, running_, batch, environment_);
  }
  void interrupt() override { running_->stop(); }

 private:
  std::shared_ptr<const PipeTarget> target_;
  std::shared_ptr<Running> running_ = std::make_shared<Running>();
  Environment environment_;
};

std::optional<BoundSink> bind(const PipeOptions& options, SinkBindContext& context) {
  if (options.command.argv.empty() || options.command.argv[0].empty()) {
    context.diagnostics.error("bad-option", context.place, "`command` is empty; it is a list, [program, argument…]");
    return std::nullopt;
  }
  if (!context.allow_exec) {
    context.diagnostics.error(
        "needs-allow-exec", context.place,
        fmt::format("output '{}' runs '{}': needs --allow-exec", context.name, options.command.argv[0]));
    return std::nullopt;
  }
  auto target = std::make_shared<PipeTarget>();
  target->output = context.name;
  target->command = options.command.argv;
  target->encoder = RowEncoder::bind(context);
  if (!target->encoder) return std::nullopt;
  BoundSink bound;
  bound.detail = fmt::format("{}", fmt::join(options.command.argv, " "));
  bound.guarantee = "at least once";
  bound.open = [target = std::shared_ptr<const PipeTarget>(std::move(target))](const Environment& environment) {
    return std::make_unique<PipeSink>(target, environment);
  };
  return bound;
}

}  // namespace

SinkDescriptor describe_pipe_sink() {
  return describe_connector<PipeOptions>(
      "pipe", "each batch to a program's standard input; needs --allow-exec",
      "{name: out, from: in, pipe: {command: [wc, -l]}, format: json}", true,
      Options<PipeOptions>{}
          .required("command", &PipeOptions::command, "the program and its arguments; no shell reads them")
          .table(),
      &bind);
}

}  // namespace streamrun
