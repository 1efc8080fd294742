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
