#include "operators/sources/fed_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "runner/operator/input_file.h"
#include "runner/operator/line_origin.h"

namespace streamrun {
namespace {

SourceRange next_range(const std::string& from, std::uint64_t before, bool empty, bool exhausted) {
  return {from, empty ? from : std::to_string(before + 1), empty, exhausted};
}

}  // namespace

Result<std::uint64_t> to_feed_cursor(const std::string& text) {
  std::uint64_t number = 0;
  const auto [behind, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || behind != text.data() + text.size()) {
    return failure(fmt::format("'{}' is no place in this input", text));
  }
  return number;
}

class FedRecords::Reader final : public RangeReader {
 public:
  Reader(FedRecords& records, RecordReader reader, std::uint64_t until, NextInput next)
      : records_(records), reader_(std::move(reader)), until_(until), next_(std::move(next)) {}

  Result<bool> next(Morsel& morsel) override {
    Place& place = records_.place_;
    RawRecords raw;
    for (;;) {
      const std::uint64_t first = reader_.line();
      auto more = reader_.next(raw, until_);
      place.line = reader_.line();
      place.header = reader_.header();
      if (!more) return more;
      if (*more) {
        place.records += raw.size();
        morsel.origin = std::make_shared<LineOrigin>(records_.name_, first, raw, reader_.shifts());
        break;
      }
      std::unique_ptr<ByteInput> following = next_ ? next_() : nullptr;
      if (!following) return false;
      records_.begin_input();
      reader_ = records_.open(std::move(following), 0);
    }
    morsel.partition = PartitionIndex(0);
    morsel.raw = std::move(raw);
    morsel.context = reader_.context();
    morsel.faults = reader_.faults();
    morsel.rows.reset();
    return true;
  }

 private:
  FedRecords& records_;
  RecordReader reader_;
  const std::uint64_t until_;
  const NextInput next_;
};

RecordReader FedRecords::open(std::unique_ptr<ByteInput> input, std::uint64_t from) const {
  return RecordReader(std::move(input), name_, buffers_, framing_,
                      {from, place_.line, place_.header, place_.first_line});
}

std::unique_ptr<RangeReader> FedRecords::read(std::unique_ptr<ByteInput> input, std::uint64_t from, std::uint64_t until,
                                              NextInput next) {
  return std::make_unique<Reader>(*this, open(std::move(input), from), until, std::move(next));
}

FedSource::FedSource(const Environment& environment, const RecordFraming& framing, Duration interval,
                     std::shared_ptr<const std::string> name, std::shared_ptr<ByteFeed> feed)
    : clock_(environment.clock),
      framing_(framing),
      interval_(interval),
      records_(std::move(name), environment.buffers, framing),
      feed_(std::move(feed)) {}

Result<std::string> FedSource::start(const std::optional<std::string>&) {
  if (auto begun = feed_->start(tell_); !begun) return pass_on(begun);
  return std::string("0");
}

Result<SourceRange> FedSource::plan(const std::string& from, const BatchLimits& limits, BatchTime batch) {
  const auto before = to_feed_cursor(from);
  if (!before) return pass_on(before);
  const bool limited = limits.records || limits.bytes;
  const std::uint64_t most = limits.records.value_or(kToEnd);
  const std::uint64_t wanted = most + (framing_.header && !records_.has_header() ? 1 : 0);
  const std::uint64_t bytes = limits.bytes.value_or(kToEnd);
  ByteFeed::State state = feed_->state();
  if (limits.available_now) {
    // Either anything at all, or enough to fill a batch: whichever can be known.
    state = feed_->wait([&](const ByteFeed::State& s) {
      if (!limited) return s.arrived != s.begin;
      if (s.full && s.whole > s.begin) return true;
      if (s.records - records_.count() >= wanted) return true;
      return s.whole - std::min(s.whole, s.begin) >= bytes;
    });
  }
  // What came whole before the input failed is delivered first.
  if (state.failed && state.whole <= state.begin) return pass_on(feed_->failed());
  if (limits.available_now && !limited) {
    // Up to its end, and what it ends with is seen behind that: a fault ends the run, and not the batch before it.
    end_ = {FeedEnd::Kind::input, kToEnd, nullptr, {}};
    const bool done = state.ended && state.arrived == state.begin;
    return next_range(from, *before, done, done);
  }
  end_ = {FeedEnd::Kind::position, limited ? feed_->cut(most, bytes) : std::max(state.whole, state.begin), clock_,
          BatchTime(batch.value + interval_.count())};
  const bool empty = end_.until <= state.begin;
  if (state.full && !limited && !empty) end_.kind = FeedEnd::Kind::tick;
  return next_range(from, *before, empty, state.ended && !state.failed && end_.until == state.arrived);
}

Result<std::unique_ptr<RangeReader>> FedSource::read(const SourceRange&) {
  if (feed_->begin_next()) records_.begin_input();
  return records_.read(read_feed(feed_, end_), 0, kToEnd, [feed = feed_, end = end_]() -> std::unique_ptr<ByteInput> {
    return feed->begin_next() ? read_feed(feed, end) : nullptr;
  });
}

}  // namespace streamrun
