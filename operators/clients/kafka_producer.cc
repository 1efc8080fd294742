#include "operators/clients/kafka_producer.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

#include "operators/clients/kafka_lookup.h"

namespace streamrun {
namespace {

constexpr std::chrono::milliseconds kServe{100};
constexpr std::chrono::milliseconds kPush{5};  // that requests which are not full are sent
constexpr std::chrono::milliseconds kLeastPatience{2};
constexpr std::chrono::milliseconds kMostPatience{100};
constexpr std::uint64_t kServeEvery = 64;  // messages
constexpr std::chrono::seconds kSilence{10};
constexpr std::chrono::seconds kMaking{3};  // for brokers that make a topic
constexpr std::chrono::seconds kAsk{2};     // what a topic takes
constexpr std::size_t kShown = 80;          // bytes of a message, in an error

std::string text_of(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: return "no broker has taken it in time (message.timeout.ms)";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: return "there is no such topic, and the brokers do not make it";
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return "there is no such partition";
    default: return rd_kafka_err2str(error);
  }
}

std::string too_large(std::size_t bytes, std::optional<std::size_t> most) {
  if (most && bytes < *most) {
    return fmt::format(
        "the request that it went in with others is larger than the {} bytes that the topic takes; set "
        "batch.size in `client` below that, or raise max.message.bytes of the topic",
        *most);
  }
  return fmt::format("it is larger than {} that the topic takes; raise max.message.bytes of the topic",
                     most ? fmt::format("the {} bytes", *most) : "what");
}

// Something is wrong with what a message of the request holds. Brokers of this protocol do not say which one.
bool is_content(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_INVALID_RECORD || error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

std::string beginning(const void* bytes, std::size_t size) {
  if (bytes == nullptr) return "null";
  std::string text = "'";
  for (const char c : std::string_view(static_cast<const char*>(bytes), std::min(size, kShown))) {
    text += c >= ' ' && c <= '~' ? c : '?';
  }
  return text + (size > kShown ? "…'" : "'");
}

std::string shown(const rd_kafka_message_t& message) {
  return fmt::format(
      "; this one, or another of its request, has what the topic does not take: no key, or a time out of its bounds; "
      "its "
      "key is {}, its value {}",
      beginning(message.key, message.key_len), beginning(message.payload, message.len));
}

// Of what another try would meet again: input.
ErrorKind kind_of(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return ErrorKind::input;
    default: return ErrorKind::transient;
  }
}

}  // namespace

// What becomes of messages. Any thread that serves the client may be told.
class KafkaProducer::Delivery {
 public:
  // A message that was not taken.
  struct Fault {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string topic;
    std::int32_t partition = -1;
    std::size_t bytes = 0;
    std::string place;  // where it came from; empty: nobody knows
    std::string shown;  // its beginning, where something is wrong with what it holds
  };

  // The first, until it is forgotten; where a request was too large, the largest of its messages.
  std::optional<Fault> fault() const {
    const std::scoped_lock lock(mutex_);
    return fault_;
  }
  void forget() {
    const std::scoped_lock lock(mutex_);
    fault_.reset();
  }
  // When one was last taken, or hear() was called.
  SteadyClock::time_point heard() const { return heard_; }
  void hear() { heard_ = SteadyClock::now(); }

  void note(const rd_kafka_message_t& message) {
    const std::unique_ptr<const std::string> place(static_cast<const std::string*>(message._private));
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) return hear();
    const std::scoped_lock lock(mutex_);
    const std::size_t bytes = message.len + message.key_len;
    const bool larger = message.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && fault_ && fault_->error == message.err &&
                        fault_->topic == rd_kafka_topic_name(message.rkt) && fault_->partition == message.partition &&
                        fault_->bytes < bytes;
    if (fault_ && !larger) return;
    fault_ =
        Fault{message.err, rd_kafka_topic_name(message.rkt), message.partition,
              bytes,       place ? *place : std::string(),   is_content(message.err) ? shown(message) : std::string()};
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Fault> fault_;
  std::atomic<SteadyClock::time_point> heard_ = SteadyClock::now();
};

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::open(const KafkaSettings& settings, KafkaLog log,
                                                           std::stop_token stop, std::stop_token ending,
                                                           const std::string& transactions) {
  auto handle =
      KafkaHandle::open(KafkaRole::producer, settings, producer_properties(settings, transactions), std::move(log),
                        std::move(stop), [](rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
                          static_cast<Delivery*>(static_cast<KafkaHandle*>(opaque)->owner)->note(*message);
                        });
  if (!handle) return pass_on(handle);
  return std::unique_ptr<KafkaProducer>(new KafkaProducer(std::move(*handle), std::move(ending)));
}

KafkaProducer::KafkaProducer(std::unique_ptr<KafkaHandle> handle, std::stop_token ending)
    : delivery_(std::make_unique<Delivery>()), handle_(std::move(handle)), ending_(std::move(ending)) {
  handle_->owner = delivery_.get();
}

KafkaProducer::~KafkaProducer() = default;

rd_kafka_topic_t* KafkaProducer::topic(std::string_view name) {
  if (last_ != topics_.end() && last_->first == name) return last_->second.get();
  last_ = topics_.find(name);
  if (last_ == topics_.end()) {
    std::string text(name);
    rd_kafka_topic_t* const made = rd_kafka_topic_new(handle_->get(), text.c_str(), nullptr);
    last_ = topics_.emplace(std::move(text), Topic{made, rd_kafka_topic_destroy}).first;
  }
  return last_->second.get();
}

Result<std::size_t> KafkaProducer::partitions(const std::string& name, std::chrono::milliseconds patience,
                                              bool making) {
  const SteadyClock::time_point end = SteadyClock::now() + (making ? kMaking : std::chrono::seconds(0));
  for (;;) {
    const auto found = partitions_of(*handle_, name, patience);
    if (!found) return pass_on(found);
    if (!found->empty() || SteadyClock::now() >= end || handle_->interrupted()) return found->size();
    handle_->serve(kServe);
  }
}

std::optional<KafkaTopicSettings> KafkaProducer::settings(const std::string& topic,
                                                          std::chrono::milliseconds patience) {
  return settings_of(*handle_, topic, patience);
}

std::optional<Error> KafkaProducer::refused() const {
  const auto fault = delivery_->fault();
  if (!fault) return std::nullopt;
  std::string why = text_of(fault->error);
  if (fault->error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    const auto takes = settings_of(*handle_, fault->topic, kAsk);
    why = too_large(fault->bytes, takes ? takes->largest_message : std::nullopt);
  }
  return Error{fmt::format("{}a message of {} bytes to {}{} was not taken: {}{}",
                           fault->place.empty() ? "" : fault->place + ": ", fault->bytes, fault->topic,
                           fault->partition < 0 ? "" : fmt::format("[{}]", fault->partition), why, fault->shown),
               kind_of(fault->error)};
}

bool KafkaProducer::gives_up() const {
  if (handle_->interrupted()) return true;
  // One that is slow is waited for.
  return ending_.stop_requested() && handle_->silent(delivery_->heard());
}

std::unexpected<Error> KafkaProducer::stopped() const {
  return failure(fmt::format("stopped while Kafka at {} did not take {} messages: {}", handle_->brokers(),
                             rd_kafka_outq_len(handle_->get()), handle_->why()));
}

void KafkaProducer::make_room() {
  const int queued = rd_kafka_outq_len(handle_->get());
  const SteadyClock::time_point began = SteadyClock::now();
  handle_->serve(patience_);
  if (rd_kafka_outq_len(handle_->get()) < queued) {
    handle_->answered();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - began);
    patience_ = std::max(kLeastPatience, (patience_ + 2 * took) / 2);
    return;
  }
  // Perhaps nothing is under way, since what is queued for each partition fills no request.
  rd_kafka_flush(handle_->get(), static_cast<int>(kPush.count()));
  patience_ = std::min(2 * patience_, kMostPatience);
}

Result<> KafkaProducer::send(const KafkaRecord& record) {
  rd_kafka_topic_t* const to = topic(record.topic);
  rd_kafka_headers_t* headers = nullptr;
  if (!record.headers.empty()) {
    headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers) {
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                          value.data() == nullptr ? 0 : static_cast<ssize_t>(value.size()));
    }
  }
  // The delivery report's, once the message is taken.
  auto place = record.place.empty() ? nullptr : std::make_unique<std::string>(record.place);
  for (;;) {
    rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u = {.rkt = to}},
        {.vtype = RD_KAFKA_VTYPE_PARTITION,
         .u = {.i32 = record.partition < 0 ? RD_KAFKA_PARTITION_UA : record.partition}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u = {.mem = {const_cast<char*>(record.value.data()), record.value.size()}}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u = {.mem = {const_cast<char*>(record.key.data()), record.key.size()}}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u = {.i64 = record.timestamp}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u = {.ptr = place.get()}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u = {.headers = headers}},
    };
    const std::size_t count = std::size(fields) - (headers == nullptr ? 1 : 0);
    rd_kafka_error_t* const error = rd_kafka_produceva(handle_->get(), fields, count);
    if (error == nullptr) {
      [[maybe_unused]] const std::string* const reports = place.release();
      if (++sent_ % kServeEvery == 0) handle_->serve();
      return {};
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    const bool full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (full && !delivery_->fault() && !gives_up()) {
      make_room();
      if (auto good = handle_->usable(); good) continue;
    }
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    if (auto good = handle_->usable(); !good) return good;
    if (auto fault = refused()) return std::unexpected(std::move(*fault));
    if (full) return stopped();
    return failure(fmt::format("{}a message of {} bytes to {} cannot be sent: {}", place ? *place + ": " : "",
                               record.value.size(), record.topic, text_of(code)),
                   kind_of(code));
  }
}

Result<> KafkaProducer::flush() {
  SteadyClock::time_point said = SteadyClock::now();
  delivery_->hear();
  while (rd_kafka_outq_len(handle_->get()) != 0 && !delivery_->fault()) {
    rd_kafka_flush(handle_->get(), static_cast<int>(kServe.count()));
    if (auto good = handle_->usable(); !good) {
      drop();
      return good;
    }
    if (gives_up()) {
      const auto error = stopped();
      drop();
      return error;
    }
    if (SteadyClock::now() - said > kSilence) {
      said = SteadyClock::now();
      handle_->log(LogLevel::warning,
                   fmt::format("Kafka at {} has not taken {} messages yet: {}; waiting", handle_->brokers(),
                               rd_kafka_outq_len(handle_->get()), handle_->why()));
    }
  }
  std::optional<Error> fault = refused();
  if (!fault) {
    handle_->answered();
    return {};
  }
  drop();
  return std::unexpected(std::move(*fault));
}

void KafkaProducer::drop() {
  rd_kafka_purge(handle_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(handle_->get(), static_cast<int>(kServe.count()));
  delivery_->forget();  // what was dropped was so on purpose
}

}  // namespace streamrun
