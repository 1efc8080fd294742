// Sources of bytes that are read once, as they come: what was read cannot be read again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runner/operator/byte_feed.h"
#include "runner/operator/record_reader.h"
#include "runner/operator/source.h"

namespace streamrun {

// A number: of batches, or of bytes.
Result<std::uint64_t> to_feed_cursor(const std::string& text);

// The records of an input, range after range, with their lines counted through all of it.
class FedRecords {
 public:
  using NextInput = std::function<std::unique_ptr<ByteInput>()>;
  // `name`: what places begin with.
  FedRecords(std::shared_ptr<const std::string> name, std::shared_ptr<BufferPool> buffers, const RecordFraming& framing)
      : name_(std::move(name)), buffers_(std::move(buffers)), framing_(framing) {}

  // Those of `input`, which begins at byte `from`, that begin before byte `until`; then those of the inputs that `next`
  // gives, if any, until it gives none. One at a time.
  std::unique_ptr<RangeReader> read(std::unique_ptr<ByteInput> input, std::uint64_t from, std::uint64_t until,
                                    NextInput next = {});
  // What is read next begins an input: its header comes first.
  void begin_input() {
    place_.header = nullptr;
    place_.first_line = place_.line;
  }
  // That were read; the header is one.
  std::uint64_t count() const { return place_.records; }
  bool has_header() const { return place_.header != nullptr; }

 private:
  class Reader;
  struct Place {
    std::uint64_t records = 0;
    std::uint64_t line = 1;  // of the next record
    std::shared_ptr<const std::string> header;
    std::uint64_t first_line = 1;  // of the input
  };
  RecordReader open(std::unique_ptr<ByteInput> input, std::uint64_t from) const;

  std::shared_ptr<const std::string> name_;
  std::shared_ptr<BufferPool> buffers_;
  RecordFraming framing_;
  Place place_;
};

// Paced by the clock until it ends. A cursor counts the batches.
class FedSource : public Source {
 public:
  FedSource(const Environment& environment, const RecordFraming& framing, Duration interval,
            std::shared_ptr<const std::string> name, std::shared_ptr<ByteFeed> feed);

  Result<std::string> start(const std::optional<std::string>& resume) override;
  Result<SourceRange> plan(const std::string& from, const BatchLimits& limits, BatchTime batch) override;
  Result<std::unique_ptr<RangeReader>> read(const SourceRange& range) override;
  void interrupt() override { feed_->interrupt(); }
  bool ended() const override { return feed_->state().ended; }
  void on_end(const std::function<void()>& tell) override { tell_ = tell; }

 private:
  const Clock* const clock_;
  const RecordFraming framing_;
  const Duration interval_;
  FedRecords records_;
  const std::shared_ptr<ByteFeed> feed_;
  std::function<void()> tell_;
  FeedEnd end_;  // of the range that was planned last
};

}  // namespace streamrun
