// Lines of standard input.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "operators/builtin_catalog.h"
#include "operators/sources/fed_source.h"
#include "runner/operator/input_file.h"
#include "runner/operator/read_files.h"

namespace streamrun {
namespace {

std::shared_ptr<const std::string> input_name() {
  return std::make_shared<const std::string>("stdin");
}

// What a read would say as well, but not before something waits for it.
Result<> check_readable(int descriptor) {
  struct stat status{};
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fstat(descriptor, &status) != 0) {
    return failure(fmt::format("cannot read standard input: {}", std::strerror(errno)));
  }
  if (S_ISDIR(status.st_mode)) return failure("cannot read standard input: it is a folder; give it a file or a pipe");
  if ((flags & O_ACCMODE) == O_WRONLY) {
    return failure("cannot read standard input: it is closed, or not open for reading; give it a file or a pipe");
  }
  return {};
}

// A pipe or a terminal, paced by the clock until it ends.
class PipedStdin final : public FedSource {
 public:
  PipedStdin(const Environment& environment, const RecordFraming& framing, Duration interval)
      : FedSource(environment, framing, interval, input_name(),
                  std::make_shared<ByteFeed>(feed_of_descriptor(environment.input), "standard input", framing)),
        input_(environment.input) {}

  Result<std::string> start(const std::optional<std::string>& resume) override {
    if (auto good = check_readable(input_); !good) return pass_on(good);
    return FedSource::start(resume);
  }

 private:
  const int input_;
};

// A regular file, from where the descriptor stands: bounded. A cursor is its byte; kToEnd is the end of a compressed
// one.
class FileStdin final : public Source {
 public:
  FileStdin(std::string name, const Environment& environment, const RecordFraming& framing)
      : name_(std::move(name)),
        environment_(environment),
        framing_(framing),
        records_(input_name(), environment.buffers, framing) {}

  Result<std::string> start(const std::optional<std::string>&) override {
    if (auto good = check_readable(environment_.input); !good) return pass_on(good);
    start_ = static_cast<std::uint64_t>(std::max<off_t>(0, ::lseek(environment_.input, 0, SEEK_CUR)));
    const auto file = open();
    if (!file) return pass_on(file);
    ReadFiles::of(environment_)->found(name_, {file->id()});
    return std::to_string(start_);
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    const auto begin = to_feed_cursor(from);
    if (!begin) return pass_on(begin);
    auto file = open();
    if (!file) return pass_on(file);
    const bool known = !file->streamed();
    const std::uint64_t size = file->size();
    if (*begin == kToEnd || !(limits.records || limits.bytes)) {
      const std::uint64_t end = known ? std::max(size, *begin) : kToEnd;
      return SourceRange{from, std::to_string(end), *begin == end, true};
    }
    auto bytes = std::move(*file).bytes(*begin, kToEnd, measured_);
    if (!bytes) return pass_on(bytes);
    const ExtentLimits most{limits.records.value_or(kToEnd), limits.bytes.value_or(kToEnd), true};
    const auto extent = measure(**bytes, framing_, *begin == start_, most);
    if (!extent) return pass_on(extent);
    const std::uint64_t end = *begin + extent->bytes;
    return SourceRange{from, std::to_string(end), extent->bytes == 0, extent->whole || (known && end >= size)};
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    const auto cursors = cursors_of(range, to_feed_cursor);
    if (!cursors) return pass_on(cursors);
    const auto [begin, end] = *cursors;
    auto file = open();
    if (!file) return pass_on(file);
    auto bytes = std::move(*file).bytes(begin, end, end == kToEnd ? nullptr : read_);
    if (!bytes) return pass_on(bytes);
    return records_.read(std::move(*bytes), begin, end);
  }

  bool ended() const override { return true; }

 private:
  Result<InputFile> open() const {
    FileDescriptor own(::fcntl(environment_.input, F_DUPFD_CLOEXEC, 0));
    if (!own) return system_failure("open", "standard input");
    return InputFile::of(std::move(own), "standard input");
  }

  const std::string name_;
  const Environment environment_;
  const RecordFraming framing_;
  FedRecords records_;
  const std::shared_ptr<Unpacked> measured_ = std::make_shared<Unpacked>();
  const std::shared_ptr<Unpacked> read_ = std::make_shared<Unpacked>();
  std::uint64_t start_ = 0;
};

bool is_file(int descriptor) {
  struct stat status{};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

struct StdinOptions {};

std::optional<BoundSource> bind(const StdinOptions&, SourceBindContext& context) {
  BoundSource bound;
  bound.bounded = is_file(STDIN_FILENO);
  bound.can_read_again = false;
  bound.detail = "standard input";
  bound.alone = {bound.detail};
  bound.open = [name = context.name, interval = context.batch_interval,
                framing = context.framing](const Environment& environment) -> std::unique_ptr<Source> {
    if (is_file(environment.input)) return std::make_unique<FileStdin>(name, environment, framing);
    return std::make_unique<PipedStdin>(environment, framing, interval);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_stdin_source() {
  return describe_connector<StdinOptions>("stdin", "lines of standard input", "stdin: {}\nformat: text", true,
                                          Options<StdinOptions>{}.table(), &bind);
}

}  // namespace streamrun
