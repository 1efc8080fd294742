// A topic of Kafka, or one a row: each row a message.
#include <fmt/format.h>

#include <stop_token>
#include <utility>

#include "operators/builtin_catalog.h"
#include "operators/clients/embedded_broker.h"
#include "operators/clients/kafka_messages.h"
#include "operators/clients/kafka_origin.h"
#include "operators/clients/kafka_producer.h"
#include "operators/clients/kafka_staged.h"
#include "operators/clients/kafka_transactions.h"
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

class KafkaSink final : public Sink {
 public:
  KafkaSink(std::shared_ptr<const KafkaTarget> target, const Environment& environment)
      : target_(std::move(target)), environment_(environment) {}

  void encode(const RecordBatch& batch, KernelContext& context, std::vector<StagedRows>& out) const override {
    if (batch.selection.empty()) return;
    StagedRows staged;
    stage_messages(*target_, topics_, batch, context, staged);
    if (staged.rows != 0) out.push_back(std::move(staged));
  }

  Result<> start(OutputLog* log) override {
    KafkaSettings settings = target_->settings;
    auto broker = EmbeddedBroker::stand_in(settings, environment_);
    if (!broker) return pass_on(broker);
    broker_ = std::move(*broker);
    // The broker in this process forgets its transactions with it.
    const bool transacts = log != nullptr && !settings.embedded;
    const std::string id = transacts ? target_->transactions : std::string();
    transactions_.reset();
    auto producer = KafkaProducer::open(settings, environment_.log, stop_.get_token(), environment_.stop, id);
    if (!producer) return pass_on(producer);
    producer_ = std::move(*producer);
    if (transacts) {
      const std::stop_callback on_end(environment_.stop, [this] { stop_.request_stop(); });
      transactions_.emplace(producer_->handle(), id);
      if (auto taken = transactions_->take_over(); !taken) return taken;
      const auto last = transactions_->last_batch();
      if (!last) return pass_on(last);
      stands_ = log->again_until() ? *last : std::nullopt;
    }
    topics_.open(*producer_);
    if (!target_->topic.fixed()) return {};
    const std::stop_callback on_end(environment_.stop, [this] { stop_.request_stop(); });
    return topics_.find(target_->topic.describe(target_->output));
  }

  std::optional<BatchTime> stands() const override { return stands_; }
  Result<std::unique_ptr<Stage>> stage(BatchTime) override;

  // `topic`: one of those that it went to.
  Result<> send(const ByteSpool& spool, std::string* topic = nullptr) {
    FrameReader frames;
    KafkaRecord record;
    return spool.read([&](std::string_view bytes) {
      return frames.read(bytes, [&](std::string_view frame) -> Result<> {
        StagedMessage::read(frame, record);
        if (topic != nullptr && topic->empty()) *topic = record.topic;
        return producer_->send(record);
      });
    });
  }
  Result<> flush() { return producer_->flush(); }
  bool transacts() const { return transactions_.has_value(); }

  // All of the batch in one transaction, unless it stands already.
  Result<> transact(BatchTime batch, const ByteSpool& spool) {
    if (spool.size() == 0 || (stands_ && batch <= *stands_)) return {};
    if (auto begun = transactions_->begin(); !begun) return begun;
    std::string topic;
    auto done = send(spool, &topic);
    if (auto flushed = flush(); done) done = std::move(flushed);
    if (done) done = transactions_->commit(batch, topic);
    if (done || done.error().kind == ErrorKind::fatal) return done;
    producer_->drop();
    const auto aborted = transactions_->abort();
    if (aborted) return done;
    return failure(fmt::format("{}; {}", done.error().message, aborted.error().message), ErrorKind::fatal);
  }

  void interrupt() override { stop_.request_stop(); }
  Result<> close() override { return producer_ ? producer_->flush() : Result<>{}; }
  const std::shared_ptr<SpoolPool>& spools() const { return environment_.spools; }

 private:
  std::shared_ptr<const KafkaTarget> target_;
  Environment environment_;
  std::shared_ptr<EmbeddedBroker> broker_;
  std::unique_ptr<KafkaProducer> producer_;
  std::optional<KafkaTransactions> transactions_;
  std::optional<BatchTime> stands_;  // of batches that come again: up to this one all are there
  mutable KafkaWrittenTopics topics_;
  std::stop_source stop_;
};

class KafkaStage final : public Stage {
 public:
  KafkaStage(KafkaSink& sink, BatchTime batch) : sink_(sink), batch_(batch), spool_(sink.spools()) {}

  Result<> append(StagedRows&& rows) override { return spool_.append(std::move(rows.bytes)); }
  // Kept until the stage goes: a retry sends all of it again.
  Result<> publish() override {
    if (sink_.transacts()) return sink_.transact(batch_, spool_);
    auto sent = sink_.send(spool_);
    // Those before it are on their way: nothing of them may go out behind a retry's.
    auto flushed = sink_.flush();
    return sent ? flushed : sent;
  }
  void discard() override { spool_.clear(); }
  // A transaction is open for as long as its messages take, and no longer.
  std::size_t drainable() const override { return sink_.transacts() ? 0 : spool_.size(); }
  Result<> drain() override {
    auto sent = sink_.send(spool_);
    if (sent) spool_.clear();
    return sent;
  }

 private:
  KafkaSink& sink_;
  BatchTime batch_;
  ByteSpool spool_;
};

Result<std::unique_ptr<Stage>> KafkaSink::stage(BatchTime batch) {
  return std::make_unique<KafkaStage>(*this, batch);
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
    if (topic->fixed()) {
      if (auto fault = fault_of_written_topic(topic->describe(context.name))) {
        context.diagnostics.error("bad-topic", span, *fault);
      }
    }
    if (topic->has_part()) {
      context.diagnostics.error("bad-topic", span, "{part} counts the parts of a file; a topic has none");
    }
    reads.insert(reads.end(), topic->columns().begin(), topic->columns().end());
    can_fail = can_fail || topic->routes();
    target.topic = std::move(*topic);
  }

  // Each batch is a transaction.
  void check_timeouts(const KafkaSettings& settings) {
    for (const ClientOption& option : options.client.all) {
      const std::string& name = option.name.value();
      if (name != "message.timeout.ms" && name != "delivery.timeout.ms") continue;
      const std::int64_t ms = settings.number(name).value_or(0);
      if (ms != 0 && ms <= kMostTransactionMs) continue;
      context.diagnostics.error(
          "client-property", option.name.whole(),
          fmt::format(
              "{}: {} lets a message wait for longer than the transaction that each batch is with a checkpoint, "
              "which brokers end after {} at most; make it {} or less",
              name, ms, kMostTransactionMs, kMostTransactionMs));
    }
  }

  bool bind() {
    const std::size_t errors = context.diagnostics.error_count();
    auto settings = bind_kafka(options.brokers, options.client, options.allow_plaintext_password, KafkaRole::producer,
                               context.diagnostics);
    if (settings && context.checkpoint) check_timeouts(*settings);
    scope.inputs.push_back({"", context.schema, false});
    scope.params = context.params;
    scope.param_used = context.param_used;
    scope.owner = fmt::format("output '{}'", context.name);
    target.output = context.name;
    target.transactions = fmt::format("streamrun.{}.{}", context.pipeline, context.name);
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
  bound.exactly_once = bound.stands = !binder.target.settings.embedded;
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
          .optional("brokers", &KafkaOptions::brokers, "",
                    "host:port, several with commas between; a start waits 30 s for an answer; `embedded` is a broker "
                    "in this process")
          .section("connection", Shape::of_kind(Shape::Kind::identifier),
                   "one of the pipeline's `connections`, for its brokers and client; what stands in `client` here wins")
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
          .one_of({"brokers", "connection"})
          .table(),
      &bind);
}

}  // namespace streamrun
