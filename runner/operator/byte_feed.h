// Bytes that arrive when they like: a thread of its own reads them, batches take whole records of them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "runner/base/clock.h"
#include "runner/base/result.h"
#include "runner/data/record_splitter.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// Where the bytes of a feed come from. The feed's thread alone uses it.
class FeedBytes {
 public:
  // `cut`: this input has ended, and another may follow, which begins as any input does. `woken`: nothing more is
  // wanted.
  enum class Kind : std::uint8_t { bytes, cut, end, woken };
  struct Read {
    Kind kind = Kind::end;
    std::size_t size = 0;  // of bytes, at least one
  };
  virtual ~FeedBytes() = default;
  // Waits for up to `size` bytes, and until `wake` is readable.
  virtual Result<Read> read(char* into, std::size_t size, int wake) = 0;
};
std::unique_ptr<FeedBytes> feed_of_descriptor(int descriptor);

// Holds what waits for its batch up to a bound; then the writer of the pipe has to wait. Of a record that
// is longer than any may be only the beginning arrives. Positions count bytes that arrived. Thread-safe.
class ByteFeed {
 public:
  ByteFeed(std::unique_ptr<FeedBytes> bytes, std::string name, const RecordFraming& framing)
      : bytes_(std::move(bytes)), name_(std::move(name)), framing_(framing), splitter_(framing, true) {}
  ~ByteFeed();
  ByteFeed(const ByteFeed&) = delete;
  ByteFeed& operator=(const ByteFeed&) = delete;

  // `tell`: called by the thread that reads, when the input has ended.
  Result<> start(std::function<void()> tell = {});
  // Wakes those who wait; the input counts as ended behind its last whole record.
  void interrupt();

  struct State {
    std::uint64_t begin = 0;  // first byte that nobody has taken
    std::uint64_t arrived = 0;
    std::uint64_t whole = 0;    // behind the last whole record
    std::uint64_t records = 0;  // whole ones that have arrived
    bool full = false;
    bool ended = false;
    bool failed = false;  // it ended behind its last whole record, failed() says why
  };
  State state() const;
  // Until done(state), or the end of the input.
  State wait(const std::function<bool(const State&)>& done) const;
  // Why the input ended, if not at its end.
  Result<> failed() const;

  // Takes up to `size` bytes of one input before position `until`; 0: there are none now.
  std::size_t take(char* into, std::size_t size, std::uint64_t until);
  // Whether what is taken next is another input's: then take() gives of that.
  bool begin_next();
  // Lines that have not arrived of the records that were taken since this was asked last.
  std::uint64_t left_out_lines();
  // The position behind at most so many records and bytes (but one record at least).
  std::uint64_t cut(std::uint64_t records, std::uint64_t bytes) const;

 private:
  struct Block {
    std::string bytes;
    std::size_t begin = 0;
  };

  State look() const;
  void run();
  // False: nothing more comes.
  bool read_block();
  bool begins_input() const;
  void add(std::string_view bytes);
  // What the input has left open is a record.
  void end_input();
  void fail(std::string_view why);
  void append(std::string_view bytes);
  void begin_to_drop();
  void end_to_drop(std::uint64_t lines);

  const std::unique_ptr<FeedBytes> bytes_;
  const std::string name_;
  const RecordFraming framing_;
  FileDescriptor wake_read_;
  FileDescriptor wake_write_;
  std::function<void()> tell_;
  std::thread thread_;
  std::string read_;  // what came last; the thread's own
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::deque<Block> blocks_;
  std::uint64_t begin_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t whole_ = 0;
  std::uint64_t records_ = 0;
  RecordSplitter splitter_;         // behind arrived_
  std::deque<std::uint64_t> ends_;  // of inputs that another one may follow
  bool dropping_ = false;           // the rest of a record that is too long
  std::uint64_t kept_lines_ = 0;    // of that record
  struct LeftOut {
    std::uint64_t behind = 0;
    std::uint64_t lines = 0;
  };
  std::deque<LeftOut> left_out_;
  bool at_end_ = false;
  bool stopped_ = false;
  std::string error_;
};

// What ends a batch's share of a feed: a position, or the end of the input; or, where the feed was full when the
// batch was planned, what has come by the next tick.
struct FeedEnd {
  enum class Kind : std::uint8_t { position, input, tick };
  Kind kind = Kind::position;
  std::uint64_t until = 0;
  const Clock* clock = nullptr;
  BatchTime tick;
};
std::unique_ptr<ByteInput> read_feed(std::shared_ptr<ByteFeed> feed, FeedEnd end);

}  // namespace streamrun
