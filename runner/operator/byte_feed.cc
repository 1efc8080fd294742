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
    return feed_->take(into, size, end_.until);
  }
  std::uint64_t left_out_lines() override { return feed_->left_out_lines(); }

 private:
  std::shared_ptr<ByteFeed> feed_;
  FeedEnd end_;
};

class DescriptorBytes final : public FeedBytes {
 public:
  explicit DescriptorBytes(int descriptor) : descriptor_(descriptor) {}

  Result<Read> read(char* into, std::size_t size, int wake) override {
    for (;;) {
      pollfd both[2] = {{descriptor_, POLLIN, 0}, {wake, POLLIN, 0}};
      if (::poll(both, 2, -1) < 0 && errno != EINTR) return failure(std::strerror(errno));
      if (both[1].revents != 0) return Read{Kind::woken};
      if (both[0].revents == 0) continue;
      const ssize_t n = ::read(descriptor_, into, size);
      if (n < 0 && errno != EINTR && errno != EAGAIN) return failure(std::strerror(errno));
      if (n == 0) return Read{Kind::end};
      if (n > 0) return Read{Kind::bytes, static_cast<std::size_t>(n)};
    }
  }

 private:
  const int descriptor_;
};

}  // namespace

std::unique_ptr<FeedBytes> feed_of_descriptor(int descriptor) {
  return std::make_unique<DescriptorBytes>(descriptor);
}

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
  s.records = records_;
  s.failed = !error_.empty();
  s.ended = at_end_ || stopped_ || s.failed;
  // What was interrupted, or failed, may be half a record.
  s.whole = at_end_ ? arrived_ : whole_;
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
  const std::uint64_t most = std::min(until, ends_.empty() ? arrived_ : ends_.front());
  while (taken != size && begin_ < most) {
    Block& block = blocks_.front();
    const std::size_t n = static_cast<std::size_t>(
        std::min<std::uint64_t>({size - taken, block.bytes.size() - block.begin, most - begin_}));
    std::memcpy(into + taken, block.bytes.data() + block.begin, n);
    taken += n;
    begin_ += n;
    block.begin += n;
    if (block.begin != block.bytes.size()) continue;
    if (blocks_.size() == 1) {
      block.bytes.clear();
      block.begin = 0;
    } else {
      blocks_.pop_front();
    }
  }
  changed_.notify_all();
  return taken;
}

bool ByteFeed::begin_next() {
  const std::lock_guard lock(mutex_);
  if (ends_.empty() || ends_.front() != begin_) return false;
  ends_.pop_front();
  return true;
}

std::uint64_t ByteFeed::cut(std::uint64_t records, std::uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  auto next_end = ends_.begin();
  const bool at_start = begin_ == 0 || (next_end != ends_.end() && *next_end == begin_);
  if (next_end != ends_.end() && *next_end == begin_) ++next_end;
  RecordSplitter splitter(framing_, at_start);
  if (framing_.header && at_start) ++records;
  std::uint64_t position = begin_;
  std::uint64_t behind = begin_;
  // Whether the batch has room for more than the record that ends at `end`; one that it has no room for is not in it.
  const auto goes_on = [&](std::uint64_t end) {
    if (behind != begin_ && end - begin_ > bytes) return false;
    behind = end;
    return --records != 0;
  };
  for (const Block& block : blocks_) {
    std::string_view text = std::string_view(block.bytes).substr(block.begin);
    while (!text.empty()) {
      const bool ends = next_end != ends_.end() && *next_end - position <= text.size();
      const std::string_view part = text.substr(0, ends ? *next_end - position : text.size());
      bool more = true;
      if (framing_.length == 0) {
        splitter.scan(part, [&](std::size_t end, std::uint64_t) { return more = goes_on(position + end); });
      }
      position += part.size();
      while (framing_.length != 0 && more && position - behind >= framing_.length) {
        more = goes_on(behind + framing_.length);
      }
      text.remove_prefix(part.size());
      if (more && ends && behind != position) more = goes_on(position);
      if (!more) return behind;
      if (!ends) continue;
      splitter = RecordSplitter(framing_, true);
      if (framing_.header) ++records;
      ++next_end;
    }
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
  do {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || arrived_ - begin_ < kWaiting; });
    if (stopped_) return;
  } while (read_block());
}

bool ByteFeed::begins_input() const {
  const std::lock_guard lock(mutex_);
  return arrived_ == (ends_.empty() ? 0 : ends_.back());
}

bool ByteFeed::read_block() {
  read_.resize(kBlock);
  const auto read = bytes_->read(read_.data(), read_.size(), wake_read_.get());
  if (!read) {
    fail(read.error().message);
    return false;
  }
  if (read->kind == FeedBytes::Kind::woken) return false;
  if (read->kind == FeedBytes::Kind::bytes && framing_.length == 0 && begins_input()) {
    const Compression packed = compression_of(std::string_view(read_).substr(0, read->size));
    if (packed != Compression::none) {
      fail(
          fmt::format("it is packed ({}), and what comes here is taken as it is; unpack it before, as `zcat` does, or "
                      "read the file itself",
                      name_of(packed)));
      return false;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    at_end_ = read->kind == FeedBytes::Kind::end;
    if (read->kind == FeedBytes::Kind::bytes) add(std::string_view(read_).substr(0, read->size));
    if (read->kind == FeedBytes::Kind::cut) end_input();
    if (at_end_ && dropping_) end_to_drop(splitter_.lines() + 1);
    changed_.notify_all();
  }
  return read->kind != FeedBytes::Kind::end;
}

void ByteFeed::end_input() {
  if (dropping_) {
    end_to_drop(splitter_.lines() + 1);
  } else if (whole_ != arrived_) {
    ++records_;
    whole_ = arrived_;
  }
  splitter_ = RecordSplitter(framing_, true);
  if (ends_.empty() || ends_.back() != arrived_) ends_.push_back(arrived_);
}

void ByteFeed::fail(std::string_view why) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t records = look().records;
  const bool lines = framing_.length == 0 && !framing_.quoted();
  const std::string place = records == 0 ? "" : fmt::format(" behind {} {}", lines ? "line" : "record", records);
  error_ = fmt::format("cannot read {}{}: {}", name_, place, why);
  changed_.notify_all();
}

void ByteFeed::add(std::string_view bytes) {
  if (dropping_) {
    std::uint64_t lines = 0;
    const std::size_t used = splitter_.scan(bytes, [&](std::size_t, std::uint64_t found) {
      lines = found;
      return false;
    });
    if (lines == 0) return;
    append("\n");
    end_to_drop(lines);
    bytes.remove_prefix(used);
  }
  std::uint64_t records = records_;
  std::uint64_t whole = whole_;
  if (framing_.length == 0) {
    splitter_.scan(bytes, [&](std::size_t end, std::uint64_t) {
      ++records;
      whole = arrived_ + end;
      return true;
    });
  } else {
    const std::uint64_t more = (arrived_ + bytes.size() - whole) / framing_.length;
    records += more;
    whole += more * framing_.length;
  }
  append(bytes);
  // Only what is held counts, if memory has ended.
  records_ = records;
  whole_ = whole;
  if (framing_.length == 0 && arrived_ - whole_ > kMaxRecordBytes) begin_to_drop();
}

// Blocks are filled to the brim, whatever the size of what comes at once: so many bytes, so much memory.
void ByteFeed::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().bytes.size() == kBlock) blocks_.emplace_back().bytes.reserve(kBlock);
    std::string& last = blocks_.back().bytes;
    const std::string_view fits = bytes.substr(0, kBlock - last.size());
    last += fits;
    arrived_ += fits.size();
    bytes.remove_prefix(fits.size());
  }
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
