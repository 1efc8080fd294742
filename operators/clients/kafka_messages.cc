#include "operators/clients/kafka_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "operators/clients/kafka_staged.h"
#include "runner/operator/row_frames.h"

namespace streamrun {
namespace {

// Of a message beside what the user gave: lengths, offsets, checksums.
constexpr std::size_t kMessageOverhead = 128;
// Of these, what is so in each message, at the least.
constexpr std::size_t kLeastOverhead = 68;
// From this size on a message's place goes along, in case the brokers find it too large; or from what the topic takes.
constexpr std::size_t kPlaceBytes = std::size_t{8} << 10;

// What the expressions give for the rows of one batch, and the rows' bytes.
class MessageMaker {
 public:
  MessageMaker(const KafkaTarget& target, KafkaWrittenTopics& topics, const RecordBatch& batch, KernelContext& context)
      : target_(target), topics_(topics), batch_(batch), context_(context), picked_(target.encoder->pick(batch)) {
    key_ = column(target.key);
    headers_ = column(target.headers);
    partition_ = column(target.partition);
    timestamp_ = column(target.timestamp);
    for (const RowError& error : context.eval.errors.all()) failed_.push_back(error.row);
    std::ranges::sort(failed_);
    if (target.encoder->rows() == FormatDescriptor::Rows::lines) {
      target.encoder->encode(picked_, batch.selection, lines_);
    }
  }

  // The rows in order; what fails is left out.
  void make(StagedRows& out) {
    batch_.selection.for_each([&](std::uint32_t row) {
      record_ = {};
      value(row);
      if (std::ranges::binary_search(failed_, row)) return;
      if (!fields(row)) return;
      const bool large = size_ >= place_bytes_ && batch_.origin != nullptr;
      const std::string place = large ? batch_.origin->place(batch_.origin_record(row)) : std::string();
      record_.place = place;
      append_frame(out.bytes, [&](std::string& to) { StagedMessage::write(record_, to); });
      ++out.rows;
    });
  }

 private:
  ColumnPtr column(const std::optional<Expression>& expression) {
    if (!expression) return nullptr;
    return evaluate(*expression, {batch_.columns, batch_.rows}, batch_.selection, context_.eval);
  }

  bool fail(std::uint32_t row, std::string message) {
    context_.eval.errors.add(row, std::move(message));
    return false;
  }

  void value(std::uint32_t row) {
    if (target_.encoder->rows() == FormatDescriptor::Rows::lines) {
      const std::size_t end = lines_.find('\n', line_);
      record_.value = std::string_view(lines_).substr(line_, end - line_);
      line_ = end + 1;
      return;
    }
    if (target_.null_is_tombstone && picked_[0]->is_null(row)) return;
    bytes_.clear();
    target_.encoder->encode(picked_, Selection::of({row}), bytes_);
    if (target_.encoder->rows() == FormatDescriptor::Rows::ended && bytes_.ends_with('\n')) bytes_.pop_back();
    record_.value = std::string_view(bytes_.data(), bytes_.size());
  }

  bool fields(std::uint32_t row) {
    size_ = record_.value.size();
    if (key_ && !key_->is_null(row)) {
      record_.key = text(*key_, row);
      size_ += record_.key.size();
    }
    if (headers_ && !headers_->is_null(row)) size_ += headers(row);
    if (partition_ && !partition_->is_null(row)) {
      record_.partition = partition_->value<std::int32_t>(row);
      if (record_.partition < 0) return fail(row, fmt::format("there is no partition {}", record_.partition));
    }
    if (timestamp_ && !timestamp_->is_null(row)) {
      const std::int64_t micros = timestamp_->value<std::int64_t>(row);
      if (micros < 0) return fail(row, "the timestamp lies before 1970, which no message can");
      // 0 would be the time at which it is sent.
      record_.timestamp = std::max<std::int64_t>(1, micros / 1000);
    }
    if (size_ + kMessageOverhead > target_.most_bytes) {
      return fail(row,
                  fmt::format("the message has {} bytes, and one may have {}; raise message.max.bytes in `client`, "
                              "and max.message.bytes of the topic",
                              size_, target_.most_bytes - kMessageOverhead));
    }
    if (!topic(row)) return false;
    if (needs_key_ && record_.key.data() == nullptr) {
      return fail(row, fmt::format("topic '{}' is compacted by keys, and takes no message without one; give it a `key` "
                                   "that is not null, or set the topic's cleanup.policy to delete",
                                   topic_));
    }
    if (size_ <= topic_bytes_) return true;
    return fail(row, fmt::format("the message has {} bytes, and one in topic '{}' may have {}; raise max.message.bytes "
                                 "of the topic",
                                 size_, topic_, topic_bytes_));
  }

  bool topic(std::uint32_t row) {
    route_.clear();
    if (target_.topic.routes()) target_.topic.route_of(batch_.columns, row, batch_.partition, route_);
    if (topic_.empty() || route_ != last_route_) {
      topic_ = target_.topic.render(context_.eval.batch, target_.output, route_, 0);
      last_route_ = route_;
      topic_fault_ = fault_of_written_topic(topic_);
      if (!topic_fault_) topic_fault_ = topics_.fault(topic_, -1);
      partition_there_ = -1;
      limit();
    }
    record_.topic = topic_;
    if (topic_fault_) return fail(row, *topic_fault_);
    if (record_.partition <= partition_there_) return true;
    if (auto fault = topics_.fault(topic_, record_.partition)) return fail(row, std::move(*fault));
    partition_there_ = record_.partition;
    return true;
  }

  // The topic's, of messages that go as they are: how far they can be compressed shows when they are.
  void limit() {
    const KafkaTopicSettings taken = topic_fault_ ? KafkaTopicSettings() : topics_.settings(topic_);
    const auto most = taken.largest_message;
    needs_key_ = taken.compacted;
    const std::size_t bytes = most ? *most - std::min(*most, kLeastOverhead) : ~std::size_t{0};
    place_bytes_ = std::min(kPlaceBytes, bytes);
    topic_bytes_ = target_.compressed ? ~std::size_t{0} : bytes;
  }

  // Rows are looked at one at a time, so a view may point into the column.
  static std::string_view text(const Column& column, std::uint32_t row) {
    const StringRef& value = column.value<StringRef>(row);
    return {value.data(), value.size()};
  }

  std::size_t headers(std::uint32_t row) {
    std::size_t size = 0;
    const ListRef list = headers_->value<ListRef>(row);
    const Column& pairs = *headers_->children[0];
    for (std::uint32_t i = list.offset; i < list.offset + list.length; ++i) {
      if (pairs.is_null(i)) continue;
      const std::uint32_t slot = pairs.slot(i);
      const Column& names = *pairs.children[0];
      const Column& values = *pairs.children[1];
      record_.headers.emplace_back(names.is_null(slot) ? std::string_view("") : text(names, slot),
                                   values.is_null(slot) ? std::string_view() : text(values, slot));
      size += record_.headers.back().first.size() + record_.headers.back().second.size();
    }
    return size;
  }

  const KafkaTarget& target_;
  KafkaWrittenTopics& topics_;
  const RecordBatch& batch_;
  KernelContext& context_;
  std::vector<ColumnPtr> picked_;
  ColumnPtr key_;
  ColumnPtr headers_;
  ColumnPtr partition_;
  ColumnPtr timestamp_;
  std::vector<std::uint32_t> failed_;
  std::string lines_;  // all rows, where each is a line
  std::size_t line_ = 0;
  std::string bytes_;
  std::string route_;
  std::string last_route_;
  std::string topic_;
  std::optional<std::string> topic_fault_;
  std::int32_t partition_there_ = -1;  // of the topic, and all below
  bool needs_key_ = false;             // it
  std::size_t topic_bytes_ = 0;        // that it takes in a message
  std::size_t place_bytes_ = 0;        // see kPlaceBytes
  std::size_t size_ = 0;               // of the message's own texts
  KafkaRecord record_;
};

}  // namespace

void stage_messages(const KafkaTarget& target, KafkaWrittenTopics& topics, const RecordBatch& batch,
                    KernelContext& context, StagedRows& out) {
  MessageMaker(target, topics, batch, context).make(out);
}

}  // namespace streamrun
