#include "runner/operator/byte_feed.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runner/base/out_of_memory.h"
#include "runner/base/thread.h"
#include "runner/operator/record_reader.h"

namespace streamrun {
namespace {

constexpr std::size_t kWaiting = std::size_t{32} << 20;
constexpr std::size_t kBlock = std::size_t{256} << 10;
static_assert(kMaxRecordBytes + kBlock < kWaiting,
              "a record that is too long must become whole, or nobody could go on");

class FeedInput final : public ByteInput {
 public:
  FeedInput(std::shared_ptr<ByteFeed> feed, FeedEnd end) : feed_(std::move(feed)), end_(end) {}

  Result<std::size_t> read(char* into, std::size_t size) override {
    const bool to_end = end_.kind == FeedEnd::Kind::input;
    const ByteFeed::State state =
        to_end ? feed_->wait([](const ByteFeed::State& s) { return s.whole > s.begin; }) : feed_->state();
    const bool goes_on = end_.kind == FeedEnd::Kind::tick && state.begin >= end_.until && end_.clock->now() < end_.tick;
    if (to_end || goes_on) end_.until = state.whole;
    const std::size_t taken = feed_->take(into, size, end_.until);
    // What came whole before the input failed is delivered first.
    if (taken == 0 && to_end && state.failed) return pass_on(feed_->failed());
    return taken;
  }
  std::uint64_t left_out_lines() override { return feed_->left_out_lines(); }

 private:
  std::shared_ptr<ByteFeed> feed_;
  FeedEnd end_;
};

}  // namespace

std::unique_ptr<ByteInput> read_feed(std::shared_ptr<ByteFeed> feed, FeedEnd end) {
  return std::make_unique<FeedInput>(std::move(feed), end);
}

ByteFeed::~ByteFeed() {
  interrupt();
  wake_write_.reset();
  if (thread_.joinable()) thread_.join();
}

Result<> ByteFeed::start(std::function<void()> tell) {
  tell_ = std::move(tell);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("make", "a pipe");
  wake_read_.reset(ends[0]);
  wake_write_.reset(ends[1]);
  auto thread = start_thread("the reader of " + name_, [this] {
    if_memory_lasts([this] { run(); }, [this] { fail("out of memory; allow more of it"); });
    if (tell_) tell_();
  });
  if (!thread) return pass_on(thread);
  thread_ = std::move(*thread);
  return {};
}

void ByteFeed::interrupt() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

ByteFeed::State ByteFeed::look() const {
  State s;
  s.begin = begin_;
  s.arrived = arrived_;
  s.records = framing_.length == 0 ? records_ : arrived_ / framing_.length;
  s.failed = !error_.empty();
  s.ended = at_end_ || stopped_ || s.failed;
  // What was interrupted, or failed, may be half a record.
  s.whole = at_end_ ? arrived_ : framing_.length == 0 ? whole_ : s.records * framing_.length;
  s.full = arrived_ - begin_ >= kWaiting;
  return s;
}

ByteFeed::State ByteFeed::state() const {
  const std::lock_guard lock(mutex_);
  return look();
}

ByteFeed::State ByteFeed::wait(const std::function<bool(const State&)>& done) const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return look().ended || done(look()); });
  return look();
}

Result<> ByteFeed::failed() const {
  const std::lock_guard lock(mutex_);
  if (!error_.empty()) return failure(error_);
  return {};
}

std::size_t ByteFeed::take(char* into, std::size_t size, std::uint64_t until) {
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

std::uint64_t ByteFeed::cut(std::uint64_t records, std::uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  const State now = look();
  if (framing_.length != 0) {
    const std::uint64_t most = std::min(records, std::max<std::uint64_t>(1, bytes / framing_.length));
    return most < (now.whole - begin_) / framing_.length ? begin_ + most * framing_.length : now.whole;
  }
  RecordSplitter splitter(framing_, begin_ == 0);
  if (framing_.header && begin_ == 0) ++records;
  std::uint64_t position = begin_;
  std::uint64_t behind = begin_;
  bool full = false;
  for (const Block& block : blocks_) {
    const std::string_view text = std::string_view(block.bytes).substr(block.begin);
    splitter.scan(text, [&](std::size_t end, std::uint64_t) {
      full = behind != begin_ && position + end - begin_ > bytes;
      if (full) return false;
      behind = position + end;
      full = --records == 0;
      return !full;
    });
    if (full) return behind;
    position += text.size();
  }
  // What is behind the last record's end is a record when nothing follows.
  if (at_end_ && behind != position && (behind == begin_ || position - begin_ <= bytes)) return position;
  return behind;
}

std::uint64_t ByteFeed::left_out_lines() {
  const std::lock_guard lock(mutex_);
  std::uint64_t lines = 0;
  for (; !left_out_.empty() && left_out_.front().behind <= begin_; left_out_.pop_front()) {
    lines += left_out_.front().lines;
  }
  return lines;
}

void ByteFeed::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopped_ || arrived_ - begin_ < kWaiting; });
      if (stopped_) return;
    }
    pollfd both[2] = {{descriptor_, POLLIN, 0}, {wake_read_.get(), POLLIN, 0}};
    if (::poll(both, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return fail(std::strerror(errno));
    }
    if (both[1].revents != 0) return;
    if (both[0].revents != 0 && !read_block()) return;
  }
}

bool ByteFeed::read_block() {
  std::string bytes(kBlock, '\0');
  const ssize_t n = ::read(descriptor_, bytes.data(), bytes.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (n < 0) {
    fail(std::strerror(errno));
    return false;
  }
  const std::lock_guard lock(mutex_);
  at_end_ = n == 0;
  bytes.resize(static_cast<std::size_t>(n));
  if (!at_end_) add(std::move(bytes));
  if (at_end_ && dropping_) end_to_drop(splitter_.lines() + 1);
  changed_.notify_all();
  return !at_end_;
}

void ByteFeed::fail(std::string_view why) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t records = look().records;
  const bool lines = framing_.length == 0 && !framing_.quoted();
  const std::string place = records == 0 ? "" : fmt::format(" behind {} {}", lines ? "line" : "record", records);
  error_ = fmt::format("cannot read {}{}: {}", name_, place, why);
  changed_.notify_all();
}

void ByteFeed::add(std::string bytes) {
  if (dropping_) {
    std::uint64_t lines = 0;
    const std::size_t used = splitter_.scan(bytes, [&](std::size_t, std::uint64_t found) {
      lines = found;
      return false;
    });
    if (lines == 0) return;
    append("\n");
    end_to_drop(lines);
    bytes.erase(0, used);
  }
  std::uint64_t records = records_;
  std::uint64_t whole = whole_;
  if (framing_.length == 0) {
    splitter_.scan(bytes, [&](std::size_t end, std::uint64_t) {
      ++records;
      whole = arrived_ + end;
      return true;
    });
  }
  append(std::move(bytes));
  // Only what is held counts, if memory has ended.
  records_ = records;
  whole_ = whole;
  if (framing_.length == 0 && arrived_ - whole_ > kMaxRecordBytes) begin_to_drop();
}

void ByteFeed::append(std::string bytes) {
  const std::size_t size = bytes.size();
  if (!blocks_.empty() && blocks_.back().bytes.size() + bytes.size() <= kBlock) {
    blocks_.back().bytes += bytes;
  } else {
    bytes.shrink_to_fit();
    blocks_.push_back({std::move(bytes), 0});
  }
  arrived_ += size;
}

// A quote that is open is closed, so that the line end that follows is the record's for whoever takes it.
void ByteFeed::begin_to_drop() {
  dropping_ = true;
  kept_lines_ = splitter_.lines();
  if (splitter_.inside_quotes()) append(std::string(1, framing_.quote));
}

void ByteFeed::end_to_drop(std::uint64_t lines) {
  dropping_ = false;
  ++records_;
  whole_ = arrived_;
  if (lines > kept_lines_ + 1) left_out_.push_back({arrived_, lines - kept_lines_ - 1});
}

}  // namespace streamrun
