// A program that is started, fed, read and waited for.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/result.h"
#include "runner/base/units.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/file_descriptor.h"
#include "runner/operator/options.h"

namespace streamrun {

// A program and its arguments. No shell splits a text into words, so that a text alone is no command.
struct ProgramCommand {
  std::vector<std::string> argv;
};
STREAMRUN_DECLARE_CODEC(ProgramCommand);

// False: there is no program in it; diagnosed. So is one that may not be started, and yet the rest can be checked.
// `whose`: `output 'o'`.
bool check_command(const ProgramCommand& command, std::string_view whose, bool allow_exec, Span place, Diagnostics&);

struct ProgramStart {
  std::vector<std::string> command;
  std::string folder;         // that it runs in; empty: this process's own
  bool reads_output = false;  // of its standard output; else it is this process's own
};

// What a program reads: `header`, then what is in the spool. Both are to outlive it.
struct ProgramInput {
  std::string_view header;
  const ByteSpool* rest;

  std::uint64_t size() const { return header.size() + rest->size(); }
};

// Of a program that left bytes of its input unread, and says that all went well.
std::string unread_warning(std::string_view program, std::uint64_t unread, std::uint64_t size, BatchTime batch);

// In a process group of its own: an interrupt at the terminal asks this process to finish the batch, which it cannot do
// without the program. One thread.
class ChildProgram {
 public:
  // `stopping`: asked again and again while it is waited for. Once it says so, the program and what it has started are
  // told to end, then ended.
  static Result<std::unique_ptr<ChildProgram>> start(const ProgramStart& what, const ProgramInput& input,
                                                     std::function<bool()> stopping);
  // One that still runs is told to end, then ended.
  ~ChildProgram();
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  // Feeds it until it prints: up to `size` bytes of that, at least one. 0: all of its input is fed, or it has ended,
  // and nothing more is printed.
  Result<std::size_t> read(char* into, std::size_t size);
  // Feeds the rest, and waits for its end: an error is anything but exit code 0. The bytes of its input that it did
  // not read.
  Result<std::uint64_t> finish();

 private:
  ChildProgram(std::string name, const ProgramInput& input, std::function<bool()> stopping)
      : name_(std::move(name)), input_(input), stopping_(std::move(stopping)) {}

  Result<> spawn(const ProgramStart& what);
  Result<> feed();
  // False: it has had all of its input.
  Result<bool> next_piece();
  // An error: it is to end, and has.
  Result<> go_on();
  // Until an end of its pipes is ready, or it has ended, or is to.
  Result<> wait();
  void stop();
  Result<> reap();

  const std::string name_;
  const ProgramInput input_;
  const std::function<bool()> stopping_;
  pid_t id_ = 0;  // 0: there is none, or none any more
  bool ended_ = false;
  FileDescriptor handle_;  // readable once it has ended
  // Both ends of the pipe to it, so that what it left unread can be counted. Since the pipe does not break with the
  // program's end, that is watched for.
  FileDescriptor feeding_;  // does not block
  FileDescriptor unread_;
  FileDescriptor output_;
  std::uint64_t fed_ = 0;
  std::uint64_t taken_ = 0;  // of the input
  SpooledBytes piece_;       // of which bytes are fed
};

}  // namespace streamrun
