// Lines of standard input.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "operators/builtin_catalog.h"
#include "runner/operator/byte_feed.h"
#include "runner/operator/input_file.h"
#include "runner/operator/line_origin.h"
#include "runner/operator/record_reader.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

// What has been read of it.
struct StdinPlace {
  std::uint64_t records = 0;  // the header is one
  std::uint64_t line = 1;     // of the next record
  std::shared_ptr<const std::string> header;
};

class StdinReader final : public RangeReader {
 public:
  StdinReader(RecordReader reader, std::uint64_t until, std::shared_ptr<const std::string> name, StdinPlace& place)
      : reader_(std::move(reader)), until_(until), name_(std::move(name)), place_(place) {}

  Result<bool> next(Morsel& morsel) override {
    RawRecords raw;
    const std::uint64_t first = reader_.line();
    auto more = reader_.next(raw, until_);
    place_.line = reader_.line();
    place_.header = reader_.header();
    if (!more || !*more) return more;
    place_.records += raw.size();
    morsel.partition = PartitionIndex(0);
    morsel.origin = std::make_shared<LineOrigin>(name_, first, raw, reader_.shifts());
    morsel.raw = std::move(raw);
    morsel.context = reader_.context();
    morsel.faults = reader_.faults();
    morsel.rows.reset();
    return true;
  }

 private:
  RecordReader reader_;
  std::uint64_t until_;
  std::shared_ptr<const std::string> name_;
  StdinPlace& place_;
};

// A number: of batches, or of bytes.
Result<std::uint64_t> to_cursor(const std::string& text) {
  std::uint64_t number = 0;
  const auto [behind, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || behind != text.data() + text.size()) {
    return failure(fmt::format("'{}' is no place in standard input", text));
  }
  return number;
}

// What both kinds of standard input share: what was read of them cannot be read again.
class StdinSource : public Source {
 public:
  StdinSource(const Environment& environment, const RecordFraming& framing)
      : environment_(environment), framing_(framing) {}

 protected:
  // What a read would say as well, but not before something waits for it.
  Result<> check_readable() const {
    struct stat status{};
    const int flags = ::fcntl(environment_.input, F_GETFL);
    if (flags < 0 || ::fstat(environment_.input, &status) != 0) {
      return failure(fmt::format("cannot read standard input: {}", std::strerror(errno)));
    }
    if (S_ISDIR(status.st_mode)) return failure("cannot read standard input: it is a folder; give it a file or a pipe");
    if ((flags & O_ACCMODE) == O_WRONLY) {
      return failure("cannot read standard input: it is closed, or not open for reading; give it a file or a pipe");
    }
    return {};
  }

  std::unique_ptr<RangeReader> reader(std::unique_ptr<ByteInput> input, std::uint64_t from, std::uint64_t until) {
    RecordReader records(std::move(input), name_, environment_.buffers, framing_, {from, place_.line, place_.header});
    return std::make_unique<StdinReader>(std::move(records), until, name_, place_);
  }

  const Environment environment_;
  const RecordFraming framing_;
  const std::shared_ptr<const std::string> name_ = std::make_shared<const std::string>("stdin");
  StdinPlace place_;
};

// A pipe or a terminal, paced by the clock until it ends. A cursor counts the batches.
class PipedStdin final : public StdinSource {
 public:
  PipedStdin(const Environment& environment, const RecordFraming& framing, Duration interval)
      : StdinSource(environment, framing),
        interval_(interval),
        feed_(std::make_shared<ByteFeed>(environment.input, "standard input", framing)) {}

  Result<std::string> start() override {
    if (auto good = check_readable(); !good) return pass_on(good);
    if (auto begun = feed_->start(tell_); !begun) return pass_on(begun);
    return std::string("0");
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) override {
    const auto before = to_cursor(from);
    if (!before) return pass_on(before);
    const bool limited = limits.records || limits.bytes;
    const std::uint64_t records = limits.records.value_or(kToEnd);
    const std::uint64_t wanted = records + (framing_.header && !place_.header ? 1 : 0);
    const std::uint64_t bytes = limits.bytes.value_or(kToEnd);
    ByteFeed::State state = feed_->state();
    if (limits.available_now) {
      // Either anything at all, or enough to fill a batch: whichever can be known.
      state = feed_->wait([&](const ByteFeed::State& s) {
        if (!limited) return s.arrived != s.begin;
        if (s.full && s.whole > s.begin) return true;
        if (s.records - place_.records >= wanted) return true;
        return s.whole - std::min(s.whole, s.begin) >= bytes;
      });
    }
    // What came whole before the input failed is delivered first.
    if (state.failed && state.whole <= state.begin) return pass_on(feed_->failed());
    if (limits.available_now && !limited) {
      end_ = {FeedEnd::Kind::input, kToEnd, nullptr, {}};
      return next_range(from, *before, state.ended && state.arrived == state.begin, true);
    }
    end_ = {FeedEnd::Kind::position, limited ? feed_->cut(records, bytes) : std::max(state.whole, state.begin),
            environment_.clock, BatchTime(batch.value + interval_.count())};
    const bool empty = end_.until <= state.begin;
    if (state.full && !limited && !empty) end_.kind = FeedEnd::Kind::tick;
    return next_range(from, *before, empty, state.ended && !state.failed && end_.until == state.arrived);
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange&) override {
    return reader(read_feed(feed_, end_), 0, kToEnd);
  }
  void interrupt() override { feed_->interrupt(); }
  bool ended() const override { return feed_->state().ended; }
  void on_end(const std::function<void()>& tell) override { tell_ = tell; }

 private:
  static SourceRange next_range(const std::string& from, std::uint64_t before, bool empty, bool exhausted) {
    return {from, empty ? from : std::to_string(before + 1), empty, exhausted};
  }

  Duration interval_;
  std::shared_ptr<ByteFeed> feed_;
  std::function<void()> tell_;
  FeedEnd end_;  // of the range that was planned last
};

// A regular file, from where the descriptor stands: bounded. A cursor is its byte; kToEnd is the end of a compressed
// one.
class FileStdin final : public StdinSource {
 public:
  using StdinSource::StdinSource;

  Result<std::string> start() override {
    if (auto good = check_readable(); !good) return pass_on(good);
    start_ = static_cast<std::uint64_t>(std::max<off_t>(0, ::lseek(environment_.input, 0, SEEK_CUR)));
    return std::to_string(start_);
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime) override {
    const auto begin = to_cursor(from);
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
    const ExtentLimits most{limits.records.value_or(kToEnd), limits.bytes.value_or(kToEnd), true, true};
    const auto extent = measure(**bytes, framing_, *begin == start_, most);
    if (!extent) return pass_on(extent);
    const std::uint64_t end = *begin + extent->bytes;
    return SourceRange{from, std::to_string(end), extent->bytes == 0, extent->whole || (known && end >= size)};
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override {
    const auto cursors = cursors_of(range, to_cursor);
    if (!cursors) return pass_on(cursors);
    const auto [begin, end] = *cursors;
    auto file = open();
    if (!file) return pass_on(file);
    auto bytes = std::move(*file).bytes(begin, end, end == kToEnd ? nullptr : read_);
    if (!bytes) return pass_on(bytes);
    return reader(std::move(*bytes), begin, end);
  }

  bool ended() const override { return true; }

 private:
  Result<InputFile> open() const {
    FileDescriptor own(::fcntl(environment_.input, F_DUPFD_CLOEXEC, 0));
    if (!own) return system_failure("open", "standard input");
    return InputFile::of(std::move(own), "standard input");
  }

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
  bound.open = [interval = context.batch_interval,
                framing = context.framing](const Environment& environment) -> std::unique_ptr<Source> {
    if (is_file(environment.input)) return std::make_unique<FileStdin>(environment, framing);
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
