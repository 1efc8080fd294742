// Lines of standard input.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "operators/builtin_catalog.h"
#include "runner/operator/line_origin.h"
#include "runner/operator/record_reader.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

// Bytes that wait for their batch; then the writer of the pipe has to.
constexpr std::size_t kWaiting = std::size_t{32} << 20;
constexpr std::size_t kBlock = std::size_t{256} << 10;
constexpr std::uint64_t kForever = ~std::uint64_t{0};

// What a thread of its own reads from the descriptor. Positions count bytes from the first one on.
class Feed {
 public:
  explicit Feed(int fd) : fd_(fd) {}
  ~Feed() { stop(); }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  Result<> start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("make", "a pipe");
    wake_read_.reset(ends[0]);
    wake_write_.reset(ends[1]);
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    wake_write_.reset();
    if (thread_.joinable()) thread_.join();
  }

  // Wakes those who wait; the input counts as ended where it stands.
  void interrupt() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  struct State {
    std::uint64_t begin = 0;  // first byte that nobody has taken
    std::uint64_t arrived = 0;
    std::uint64_t whole = 0;  // behind the last whole line
    std::uint64_t lines = 0;  // line ends that have arrived
    bool full = false;
    bool ended = false;
  };

  State state() {
    const std::lock_guard lock(mutex_);
    return look();
  }
  // Until done(state) or the end, or `stop`.
  template <class F>
  State wait(F&& done, std::stop_token stop = {}) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return look().ended || done(look()); });
    return look();
  }
  // Why the input ended, if not at its end.
  Result<> failed() {
    const std::lock_guard lock(mutex_);
    if (!error_.empty()) return failure(error_);
    return {};
  }

  // Takes up to `size` bytes before position `until`; 0: there are none now.
  std::size_t take(char* into, std::size_t size, std::uint64_t until) {
    const std::lock_guard lock(mutex_);
    std::size_t taken = 0;
    while (taken != size && begin_ < std::min(until, arrived_)) {
      Block& block = blocks_.front();
      const std::size_t n = static_cast<std::size_t>(
          std::min<std::uint64_t>({size - taken, block.bytes.size() - block.begin, until - begin_}));
      std::memcpy(into + taken, block.bytes.data() + block.begin, n);
      taken += n;
      begin_ += n;
      block.begin += n;
      if (block.begin == block.bytes.size()) blocks_.pop_front();
    }
    changed_.notify_all();
    return taken;
  }

  // The position behind at most `lines` lines and `bytes` bytes (but one line at least).
  std::uint64_t cut(std::uint64_t lines, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    std::uint64_t position = begin_;
    std::uint64_t behind = begin_;
    for (const Block& block : blocks_) {
      const char* const text = block.bytes.data() + block.begin;
      const std::size_t size = block.bytes.size() - block.begin;
      for (std::size_t at = 0; at < size;) {
        std::uint64_t one = 1;
        const std::size_t used = skip_lines(text + at, size - at, one);
        if (one == 0) break;
        at += used;
        if (behind != begin_ && position + at - begin_ > bytes) return behind;
        behind = position + at;
        if (--lines == 0) return behind;
      }
      position += size;
    }
    // What is behind the last line end is a line when nothing follows.
    if (look().ended && behind != position && (behind == begin_ || position - begin_ <= bytes)) return position;
    return behind;
  }

 private:
  struct Block {
    std::string bytes;
    std::size_t begin = 0;
  };

  State look() const {
    State s;
    s.begin = begin_;
    s.arrived = arrived_;
    s.lines = lines_;
    s.ended = at_end_ || stopped_ || !error_.empty();
    s.whole = s.ended ? arrived_ : whole_;
    s.full = arrived_ - begin_ >= kWaiting;
    return s;
  }

  void run() {
    std::string read_bytes;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        // A line that is longer than the buffer still has to come in whole.
        changed_.wait(lock, [&] {
          return stopped_ || arrived_ - begin_ < kWaiting || (whole_ <= begin_ && arrived_ - begin_ <= kMaxLineBytes);
        });
        if (stopped_) return;
      }
      pollfd both[2] = {{fd_, POLLIN, 0}, {wake_read_.get(), POLLIN, 0}};
      if (::poll(both, 2, -1) < 0 && errno != EINTR) break;
      if (both[1].revents != 0) return;
      if (both[0].revents == 0) continue;
      read_bytes.resize(kBlock);
      const ssize_t n = ::read(fd_, read_bytes.data(), read_bytes.size());
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      const int code = n < 0 ? errno : 0;
      const std::lock_guard lock(mutex_);
      if (n <= 0) {
        at_end_ = true;
        if (n < 0) error_ = fmt::format("cannot read standard input: {}", std::strerror(code));
        changed_.notify_all();
        return;
      }
      read_bytes.resize(static_cast<std::size_t>(n));
      std::uint64_t ends = kForever;
      const std::size_t last = skip_lines(read_bytes.data(), read_bytes.size(), ends);
      lines_ += ends;
      if (ends != 0) whole_ = arrived_ + last;
      arrived_ += read_bytes.size();
      if (!blocks_.empty() && blocks_.back().bytes.size() + read_bytes.size() <= kBlock) {
        blocks_.back().bytes += read_bytes;
      } else {
        blocks_.push_back({std::move(read_bytes), 0});
        read_bytes = {};
      }
      changed_.notify_all();
    }
  }

  int fd_;
  FileDescriptor wake_read_;
  FileDescriptor wake_write_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Block> blocks_;
  std::uint64_t begin_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t whole_ = 0;
  std::uint64_t lines_ = 0;
  bool at_end_ = false;
  bool stopped_ = false;
  std::string error_;
};

// The bytes of one batch. Its end is a position; or the end of the input; or, where the buffer was full when
// the batch was planned, what has come by the next tick.
class FeedInput final : public ByteInput {
 public:
  enum class End { position, input, tick };
  FeedInput(std::shared_ptr<Feed> feed, End end, std::uint64_t until, const Clock* clock, BatchTime tick)
      : feed_(std::move(feed)), end_(end), until_(until), clock_(clock), tick_(tick) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    for (;;) {
      if (auto good = feed_->failed(); !good) return pass_on(good);
      if (end_ == End::tick) {
        const Feed::State state = feed_->state();
        if (state.begin >= until_ && clock_ != nullptr && clock_->now() < tick_) until_ = state.whole;
      }
      const std::size_t n = feed_->take(into, size, until_);
      if (n != 0 || end_ != End::input) return n;
      const Feed::State state = feed_->wait([](const Feed::State& s) { return s.arrived != s.begin; });
      if (state.ended && state.arrived == state.begin) return std::size_t{0};
    }
  }

 private:
  std::shared_ptr<Feed> feed_;
  End end_;
  std::uint64_t until_;
  const Clock* clock_;
  BatchTime tick_;
};

// The whole descriptor, where it is a regular file.
class DescriptorInput final : public ByteInput {
 public:
  explicit DescriptorInput(int fd) : fd_(fd) {}
  Result<std::size_t> read(char* into, std::size_t size) override {
    for (;;) {
      const ssize_t n = ::read(fd_, into, size);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) return system_failure("read", "standard input");
    }
  }

 private:
  int fd_;
};

class StdinReader final : public RangeReader {
 public:
  StdinReader(std::unique_ptr<ByteInput> input, std::shared_ptr<BufferPool> pool,
              std::shared_ptr<const std::string> name, std::uint64_t& line)
      : name_(std::move(name)), line_(line), reader_(std::move(input), std::move(pool), *name_, 0, line) {}

  Result<bool> next(Morsel& morsel) override {
    RawRecords raw;
    const std::uint64_t first = reader_.line();
    auto more = reader_.next(raw);
    line_ = reader_.line();
    if (!more || !*more) return more;
    morsel.partition = PartitionIndex(0);
    morsel.origin = std::make_shared<LineOrigin>(name_, first, raw);
    morsel.raw = std::move(raw);
    morsel.rows.reset();
    return true;
  }

 private:
  std::shared_ptr<const std::string> name_;
  std::uint64_t& line_;
  RecordReader reader_;
};

// Cannot be read again: a cursor only counts the batches.
class StdinSource final : public Source {
 public:
  StdinSource(const Environment& environment, Duration interval)
      : fd_(environment.input), clock_(environment.clock), interval_(interval) {}

  Result<std::string> start() override {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) return system_failure("look at", "standard input");
    is_file_ = S_ISREG(status.st_mode);
    feed_ = std::make_shared<Feed>(fd_);
    if (!is_file_) {
      if (auto begun = feed_->start(); !begun) return pass_on(begun);
    } else {
      // Compressed or not, as a file would be.
      char magic[kMagicBytes];
      const ssize_t n = ::pread(fd_, magic, sizeof magic, ::lseek(fd_, 0, SEEK_CUR));
      compression_ = n <= 0 ? Compression::none : compression_of({magic, static_cast<std::size_t>(n)});
    }
    return std::string("0");
  }

  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) override {
    SourceRange range;
    range.from = from;
    range.until = std::to_string(++batches_);
    const bool limited = limits.records || limits.bytes;
    if (is_file_) return plan_file(std::move(range), limits, limited);
    if (auto good = feed_->failed(); !good) return pass_on(good);
    const std::uint64_t lines = limits.records.value_or(kForever);
    const std::uint64_t bytes = limits.bytes.value_or(kForever);
    end_ = FeedInput::End::position;
    Feed::State state = feed_->state();
    if (limits.available_now) {
      // Either anything at all, or enough to fill a batch: whichever can be known.
      state = feed_->wait([&](const Feed::State& s) {
        if (!limited) return s.arrived != s.begin;
        if (s.full && s.whole > s.begin) return true;
        if (s.lines - (line_ - 1) >= lines) return true;
        return s.whole - std::min(s.whole, s.begin) >= bytes;
      });
      if (!limited) {
        end_ = FeedInput::End::input;
        until_ = kForever;
        range.empty = state.ended && state.arrived == state.begin;
        range.exhausted = true;
        return range;
      }
    }
    until_ = limited ? feed_->cut(lines, bytes) : std::max(state.whole, state.begin);
    if (state.full && !limited && until_ > state.begin) {
      end_ = FeedInput::End::tick;
      tick_ = BatchTime(batch.value + interval_.count());
    }
    range.empty = until_ <= state.begin;
    range.exhausted = state.ended && until_ == state.arrived;
    return range;
  }

  Result<std::unique_ptr<RangeReader>> read(const SourceRange&) override {
    std::unique_ptr<ByteInput> input;
    if (is_file_) {
      input = std::make_unique<TakeInput>(*this);
    } else {
      input = std::make_unique<FeedInput>(feed_, end_, until_, clock_, tick_);
    }
    return std::make_unique<StdinReader>(std::move(input), pool_, name_, line_);
  }

  void interrupt() override {
    if (feed_) feed_->interrupt();
  }

  void wait(BatchTime tick, std::stop_token stop) override {
    if (is_file_ || clock_ == nullptr) return;
    // The end may come before the tick: small steps of the clock, each at once if it has.
    while (!feed_->state().ended && clock_->now() < tick) {
      const BatchTime step(std::min(tick.value, clock_->now().value + 20));
      if (!clock_->wait_until(step, stop)) return;
    }
  }

  bool ended() const override { return is_file_ || (feed_ && feed_->state().ended); }

 private:
  // Bytes of a regular file that a plan with limits has read already, then the file itself.
  class TakeInput final : public ByteInput {
   public:
    explicit TakeInput(StdinSource& source) : source_(source) {}
    Result<std::size_t> read(char* into, std::size_t size) override {
      std::string& ahead = source_.ahead_;
      if (source_.file_left_ == 0) return std::size_t{0};
      std::size_t n = std::min(ahead.size() - source_.ahead_begin_, size);
      if (source_.file_left_ != kForever) n = std::min<std::uint64_t>(n, source_.file_left_);
      if (n != 0) {
        std::memcpy(into, ahead.data() + source_.ahead_begin_, n);
        source_.ahead_begin_ += n;
      } else {
        const auto got = source_.file_bytes().read(into, size);
        if (!got || *got == 0) return got;
        n = *got;
      }
      if (source_.file_left_ != kForever) source_.file_left_ -= n;
      return n;
    }

   private:
    StdinSource& source_;
  };

  ByteInput& file_bytes() {
    if (!file_) {
      file_ = std::make_unique<DescriptorInput>(fd_);
      if (compression_ != Compression::none) file_ = decompress(compression_, std::move(file_), *name_);
    }
    return *file_;
  }

  // With limits, reads ahead until they are met.
  Result<SourceRange> plan_file(SourceRange range, const BatchLimits& limits, bool limited) {
    ahead_.erase(0, ahead_begin_);
    ahead_begin_ = 0;
    if (!limited) {
      file_left_ = kForever;
      if (ahead_.empty()) {
        if (auto more = read_ahead(); !more) return pass_on(more);
      }
      range.empty = ahead_.empty();
      range.exhausted = true;
      return range;
    }
    const std::uint64_t bytes = limits.bytes.value_or(kForever);
    std::uint64_t lines_left = limits.records.value_or(kForever);
    std::size_t behind = 0;
    std::size_t searched = 0;
    while (lines_left != 0) {
      std::uint64_t one = 1;
      const std::size_t used = skip_lines(ahead_.data() + searched, ahead_.size() - searched, one);
      if (one == 0) {
        const auto more = read_ahead();
        if (!more) return pass_on(more);
        if (*more) continue;
        if (behind != ahead_.size() && (behind == 0 || ahead_.size() <= bytes)) behind = ahead_.size();
        break;
      }
      searched += used;
      if (behind != 0 && searched > bytes) break;
      behind = searched;
      --lines_left;
    }
    file_left_ = behind;
    range.empty = behind == 0;
    range.exhausted = file_ended_ && behind == ahead_.size();
    return range;
  }

  Result<bool> read_ahead() {
    if (file_ended_) return false;
    const std::size_t old = ahead_.size();
    ahead_.resize(old + kBlock);
    const auto n = file_bytes().read(ahead_.data() + old, kBlock);
    if (!n) return pass_on(n);
    ahead_.resize(old + *n);
    file_ended_ = *n == 0;
    return *n != 0;
  }

  int fd_;
  Clock* clock_;
  Duration interval_;
  std::shared_ptr<const std::string> name_ = std::make_shared<const std::string>("stdin");
  std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>();
  std::uint64_t line_ = 1;
  std::uint64_t batches_ = 0;

  std::shared_ptr<Feed> feed_;
  FeedInput::End end_ = FeedInput::End::position;
  std::uint64_t until_ = 0;
  BatchTime tick_;

  bool is_file_ = false;
  Compression compression_ = Compression::none;
  std::unique_ptr<ByteInput> file_;
  std::string ahead_;
  std::size_t ahead_begin_ = 0;
  std::uint64_t file_left_ = 0;
  bool file_ended_ = false;
};

struct StdinOptions {};

std::optional<BoundSource> bind(const StdinOptions&, SourceBindContext& context) {
  BoundSource bound;
  struct stat status{};
  bound.bounded = ::fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode);
  bound.can_read_again = false;
  bound.detail = "standard input";
  bound.open = [interval = context.batch_interval](const Environment& environment) {
    return std::make_unique<StdinSource>(environment, interval);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_stdin_source() {
  return describe_source<StdinOptions>("stdin", "lines of standard input", "stdin: {}\nformat: text", true,
                                       Options<StdinOptions>{}.table(), &bind);
}

}  // namespace streamrun
