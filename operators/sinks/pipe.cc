// Each batch to a program's standard input.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

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

// A program that runs, and the pipe to it.
struct Program {
  pid_t id = 0;
  FileDescriptor input;
};

Result<Program> run(const std::vector<std::string>& command, const std::string& folder) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("make a pipe to", command[0]);
  const FileDescriptor reads(ends[0]);
  Program program;
  program.input.reset(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, reads.get(), STDIN_FILENO);
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
  if (code != 0) return failure(fmt::format("cannot run '{}': {}", command[0], std::strerror(code)));
  return program;
}

Result<> wait_for(const Program& program, const std::string& name) {
  int status = 0;
  while (::waitpid(program.id, &status, 0) < 0) {
    if (errno != EINTR) return system_failure("wait for", name);
  }
  if (WIFSIGNALED(status)) return failure(fmt::format("'{}' was ended by signal {}", name, WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) return failure(fmt::format("'{}' ended with exit code {}", name, WEXITSTATUS(status)));
  return {};
}

struct PipeTarget {
  std::vector<std::string> command;
  std::shared_ptr<const RowEncoder> encoder;
};

class PipeStage final : public Stage {
 public:
  PipeStage(std::shared_ptr<const PipeTarget> target, const Environment& environment)
      : target_(std::move(target)), folder_(environment.working_folder), spool_(environment.spools) {}

  Result<> append(StagedRows&& rows) override { return spool_.append(std::move(rows.bytes)); }

  Result<> publish() override {
    const std::string& name = target_->command[0];
    auto program = run(target_->command, folder_);
    if (!program) return pass_on(program);
    bool closed = false;  // by the program: it may have read all that it wants
    const auto feed = [&](std::string_view bytes) -> Result<> {
      if (closed) return {};
      auto written = write_all(program->input.get(), bytes, name);
      if (written || errno != EPIPE) return written;
      closed = true;
      return {};
    };
    auto fed = feed(target_->encoder->header());
    if (fed) fed = spool_.read(feed);
    program->input.reset();
    auto ended = wait_for(*program, name);
    return fed ? ended : fed;
  }

  void discard() override { spool_.clear(); }

 private:
  std::shared_ptr<const PipeTarget> target_;
  std::string folder_;
  ByteSpool spool_;
};

class PipeSink final : public Sink {
 public:
  PipeSink(std::shared_ptr<const PipeTarget> target, const Environment& environment)
      : target_(std::move(target)), environment_(environment) {}

  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    target_->encoder->encode(batch, out);
  }
  Result<> start() override {
    // A program that does not read must not end this one.
    ::signal(SIGPIPE, SIG_IGN);
    return {};
  }
  Result<std::unique_ptr<Stage>> stage(BatchTime) override {
    return std::make_unique<PipeStage>(target_, environment_);
  }

 private:
  std::shared_ptr<const PipeTarget> target_;
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
