// A topic of Kafka, or one a row: each row a message.
#include <fmt/format.h>

#include <algorithm>
#include <stop_token>
#include <utility>

#include "operators/builtin_catalog.h"
#include "operators/clients/embedded_broker.h"
#include "operators/clients/kafka_origin.h"
#include "operators/clients/kafka_producer.h"
#include "operators/clients/kafka_staged.h"
#include "operators/clients/kafka_written_topics.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/path_pattern.h"
#include "runner/operator/row_encoder.h"
#include "runner/operator/row_frames.h"
#include "runner/operator/sink.h"

namespace streamrun {
namespace {

struct KafkaOptions {
  Located<std::string> brokers;
  Located<std::string> topic;
  std::optional<ExprText> key;
  std::optional<ExprText> headers;
  std::optional<ExprText> partition;
  std::optional<ExprText> timestamp;
  ClientOptions client;
  bool allow_plaintext_password = false;
};

// Const, shared.
struct KafkaTarget {
  std::string output;
  KafkaSettings settings;
  PathPattern topic;
  std::optional<Expression> key;
  std::optional<Expression> headers;
  std::optional<Expression> partition;
  std::optional<Expression> timestamp;
  std::shared_ptr<const RowEncoder> encoder;
  bool null_is_tombstone = false;
  bool compressed = false;  // as `client` says
  std::size_t most_bytes = kKafkaMessageBytes;
};

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
      topic_fault_ = is_kafka_topic(topic_) ? topics_.fault(topic_, -1) : no_kafka_topic(topic_);
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
    const auto most = topic_fault_ ? std::nullopt : topics_.largest_message(topic_);
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
  std::size_t topic_bytes_ = 0;        // that it takes in a message
  std::size_t place_bytes_ = 0;        // see kPlaceBytes
  std::size_t size_ = 0;               // of the message's own texts
  KafkaRecord record_;
};

class KafkaSink final : public Sink {
 public:
  KafkaSink(std::shared_ptr<const KafkaTarget> target, const Environment& environment)
      : target_(std::move(target)), environment_(environment) {}

  void encode(const RecordBatch& batch, KernelContext& context, std::vector<StagedRows>& out) const override {
    if (batch.selection.empty()) return;
    StagedRows staged;
    MessageMaker(*target_, topics_, batch, context).make(staged);
    if (staged.rows != 0) out.push_back(std::move(staged));
  }

  Result<> start() override {
    KafkaSettings settings = target_->settings;
    auto broker = EmbeddedBroker::stand_in(settings, environment_);
    if (!broker) return pass_on(broker);
    broker_ = std::move(*broker);
    auto producer = KafkaProducer::open(settings, environment_.log, stop_.get_token(), environment_.stop);
    if (!producer) return pass_on(producer);
    producer_ = std::move(*producer);
    topics_.open(*producer_);
    if (!target_->topic.fixed()) return {};
    const std::stop_callback on_end(environment_.stop, [this] { stop_.request_stop(); });
    return topics_.find(target_->topic.describe(target_->output));
  }

  Result<std::unique_ptr<Stage>> stage(BatchTime) override;

  Result<> send(const ByteSpool& spool) {
    FrameReader frames;
    KafkaRecord record;
    return spool.read([&](std::string_view bytes) {
      return frames.read(bytes, [&](std::string_view frame) -> Result<> {
        StagedMessage::read(frame, record);
        return producer_->send(record);
      });
    });
  }
  Result<> flush() { return producer_->flush(); }
  void interrupt() override { stop_.request_stop(); }
  Result<> close() override { return producer_ ? producer_->flush() : Result<>{}; }
  const std::shared_ptr<SpoolPool>& spools() const { return environment_.spools; }

 private:
  std::shared_ptr<const KafkaTarget> target_;
  Environment environment_;
  std::shared_ptr<EmbeddedBroker> broker_;
  std::unique_ptr<KafkaProducer> producer_;
  mutable KafkaWrittenTopics topics_;
  std::stop_source stop_;
};

class KafkaStage final : public Stage {
 public:
  explicit KafkaStage(KafkaSink& sink) : sink_(sink), spool_(sink.spools()) {}

  Result<> append(StagedRows&& rows) override { return spool_.append(std::move(rows.bytes)); }
  // Kept until the stage goes: a retry sends all of it again.
  Result<> publish() override {
    auto sent = sink_.send(spool_);
    // Those before it are on their way: nothing of them may go out behind a retry's.
    auto flushed = sink_.flush();
    return sent ? flushed : sent;
  }
  void discard() override { spool_.clear(); }
  std::size_t drainable() const override { return spool_.size(); }
  Result<> drain() override {
    auto sent = sink_.send(spool_);
    if (sent) spool_.clear();
    return sent;
  }

 private:
  KafkaSink& sink_;
  ByteSpool spool_;
};

Result<std::unique_ptr<Stage>> KafkaSink::stage(BatchTime) {
  return std::make_unique<KafkaStage>(*this);
}

struct Binder {
  const KafkaOptions& options;
  SinkBindContext& context;
  Scope scope;
  KafkaTarget target;
  std::vector<std::uint32_t> reads;
  bool can_fail = false;

  void need(const std::optional<Expression>& expression) {
    if (!expression) return;
    reads.insert(reads.end(), expression->columns_read().begin(), expression->columns_read().end());
    can_fail = can_fail || expression->can_fail();
  }

  // Strings and binaries as they are, the others as a text.
  std::optional<Expression> key() {
    if (!options.key) return std::nullopt;
    auto made = compile_expression(options.key->text, scope, context.diagnostics);
    if (!made || made->type().kind() == TypeKind::string || made->type().kind() == TypeKind::binary) return made;
    return compile_cast(options.key->text, TypeKind::string, scope, context.diagnostics);
  }

  std::optional<Expression> as(const std::optional<ExprText>& text, const Type& type) {
    if (!text) return std::nullopt;
    return compile_expression_as(text->text, type, scope, context.diagnostics);
  }

  void bind_topic() {
    const auto& [text, span] = options.topic;
    auto topic = PathPattern::parse(text, span, *context.schema, context.diagnostics);
    if (!topic) return;
    if (topic->fixed() && !is_kafka_topic(topic->describe(context.name))) {
      context.diagnostics.error("bad-topic", span, no_kafka_topic(text));
    }
    if (topic->has_part()) {
      context.diagnostics.error("bad-topic", span, "{part} counts the parts of a file; a topic has none");
    }
    reads.insert(reads.end(), topic->columns().begin(), topic->columns().end());
    can_fail = can_fail || topic->routes();
    target.topic = std::move(*topic);
  }

  bool bind() {
    const std::size_t errors = context.diagnostics.error_count();
    auto settings = bind_kafka(options.brokers, options.client, options.allow_plaintext_password, KafkaRole::producer,
                               context.diagnostics);
    scope.inputs.push_back({"", context.schema, false});
    scope.params = context.params;
    scope.param_used = context.param_used;
    scope.owner = fmt::format("output '{}'", context.name);
    target.output = context.name;
    bind_topic();
    target.key = key();
    target.headers = as(options.headers, kafka_headers_type());
    target.partition = as(options.partition, TypeKind::int32);
    target.timestamp = as(options.timestamp, TypeKind::timestamp);
    for (const auto* one : {&target.key, &target.headers, &target.partition, &target.timestamp}) need(*one);
    target.encoder = RowEncoder::bind(context);
    if (target.encoder && !target.encoder->header().empty()) {
      context.diagnostics.error("bad-option", context.place, "messages have no header line; take `header` away");
    }
    if (context.diagnostics.error_count() != errors || !settings || !target.encoder) return false;
    target.settings = std::move(*settings);
    target.null_is_tombstone = context.format->bare_value;
    for (const std::string_view name : {"compression.type", "compression.codec"}) {
      const Secret* const codec = target.settings.find(name);
      if (codec != nullptr) target.compressed = codec->reveal() != "none";
    }
    if (const auto most = target.settings.number("message.max.bytes")) {
      target.most_bytes = static_cast<std::size_t>(*most);
    }
    return true;
  }
};

std::optional<BoundSink> bind(const KafkaOptions& options, SinkBindContext& context) {
  Binder binder{options, context, {}, {}, {}, false};
  if (!binder.bind()) return std::nullopt;
  BoundSink bound;
  bound.reads = std::move(binder.reads);
  bound.can_fail = true;  // any record may be too large
  bound.drains = true;
  bound.detail = fmt::format("{} at {}", options.topic.value, options.brokers.value);
  bound.guarantee = "at least once";
  bound.open = [target = std::make_shared<const KafkaTarget>(std::move(binder.target))](
                   const Environment& environment) { return std::make_unique<KafkaSink>(target, environment); };
  return bound;
}

}  // namespace

SinkDescriptor describe_kafka_sink() {
  return describe_connector<KafkaOptions>(
      "kafka", "a topic of Kafka; each row is a message",
      "{name: out, from: in, kafka: {brokers: \"localhost:9092\", topic: results, key: account}, format: json}", true,
      Options<KafkaOptions>{}
          .required("brokers", &KafkaOptions::brokers,
                    "host:port, several with commas between; a start waits 30 s for an answer; `embedded` is a broker "
                    "in this "
                    "process")
          .required("topic", &KafkaOptions::topic, "its name, with {column}, {batch} and {output} as in a path")
          .optional("key", &KafkaOptions::key, "none",
                    "an expression; strings and binaries as they are, others as text")
          .optional("headers", &KafkaOptions::headers, "none",
                    "an expression of type array<struct<key:string,value:binary>>")
          .optional("partition", &KafkaOptions::partition, "the partitioner's choice, by the key",
                    "an expression of type int")
          .optional("timestamp", &KafkaOptions::timestamp, "the time it is sent", "an expression of type timestamp")
          .optional("client", &KafkaOptions::client, "", "properties of librdkafka: TLS, SASL, compression, buffers")
          .optional("allow_plaintext_password", &KafkaOptions::allow_plaintext_password, "false",
                    "a password may go over the network without TLS")
          .table(),
      &bind);
}

}  // namespace streamrun
