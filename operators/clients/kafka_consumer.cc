#include "operators/clients/kafka_consumer.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "operators/clients/kafka_list.h"
#include "operators/clients/kafka_lookup.h"
#include "runner/operator/source.h"

namespace streamrun {
namespace {

constexpr int kFetchWait = 100;               // ms, until somebody looks whether to go on
constexpr std::chrono::seconds kReach{30};    // for brokers when partitions are assigned
constexpr std::chrono::seconds kSilence{10};  // until a fetch that waits says so
// Of messages that were fetched and wait to be read, in a queue a partition: of all, and bounds of one. A queue that is
// not full takes another fetch on top. Each message takes some 300 bytes beside its own, so that small ones are
// counted.
constexpr std::size_t kQueuedBytes{32 << 20};
constexpr std::size_t kMostQueue{8 << 20};
constexpr std::size_t kMostMessages = 50'000;
constexpr std::size_t kLargestFetch{1 << 18};
constexpr std::size_t kWakeBytes{1 << 19};  // taken out of queues: there is room for more
constexpr std::size_t kBlockBytes = kMorselBytes + kMorselBytes / 4;

std::vector<KafkaHeader> headers_of(const rd_kafka_message_t& message) {
  std::vector<KafkaHeader> made;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return made;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    KafkaHeader& header = made.emplace_back(KafkaHeader{name, std::nullopt});
    if (value != nullptr) header.value.emplace(static_cast<const char*>(value), size);
  }
  return made;
}

// A copy behind what is there; the room was made sure of.
std::string_view put(KafkaMessages& out, const void* bytes, std::size_t size) {
  if (bytes == nullptr) return {};
  char* const at = out.buffer.get() + out.used;
  std::memcpy(at, bytes, size);
  out.used += size;
  return {at, size};
}

// What was there is no more: as another topic, by retention, or not at all.
bool is_loss(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return true;
    default: return false;
  }
}

std::unexpected<Error> fetch_fault(const KafkaPartition& partition, std::int64_t at, int error,
                                   const std::string& text) {
  const std::string place = fmt::format("{}@{}", partition.name(), at);
  switch (error) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return failure(
          fmt::format("{}: this offset is no longer there: records were deleted, by retention or with the topic; to go "
                      "on behind the gap, set the group's offsets or take another `group` and a `start` ({})",
                      place, text));
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return failure(
          fmt::format("{}: the topic was deleted while it was read; make it again or take it out of `topics`", place));
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return failure(fmt::format(
          "{}: what the broker has here is damaged: {}; restore it, or set the group's offsets to go on behind it",
          place, text));
    default: return failure(fmt::format("{}: {}", place, text));
  }
}

}  // namespace

// One partition as the client feeds it.
struct KafkaConsumer::Lane {
  rd_kafka_queue_t* queue = nullptr;
  std::int64_t end = -1;  // the offset behind the last message, when its end was last met
  std::int64_t next = 0;  // of the next message from the queue, at least
  std::int64_t at = 0;    // behind what was handed out; negative: messages were taken and are lost
  KafkaMessages aside;    // a message that came too early, or had no room
  bool paused = false;
  ~Lane() {
    if (queue != nullptr) rd_kafka_queue_destroy(queue);
  }
};

// What the callback of one fetch() fills.
struct KafkaConsumer::Taking {
  rd_kafka_t* client = nullptr;
  Lane& lane;
  BufferPool& pool;
  KafkaMessages& out;
  std::int64_t until = 0;
  bool headers = true;
  bool full = false;
  int error = 0;
  std::string error_text;

  static std::size_t bytes_of(const rd_kafka_message_t& message) { return message.len + message.key_len; }

  void add(const rd_kafka_message_t& message) {
    if (out.capacity == 0) begin(bytes_of(message));
    append(message, out);
  }

  void begin(std::size_t bytes) {
    out.capacity = std::max(kBlockBytes, bytes);
    out.buffer = pool.take(out.capacity);
  }

  // In just as much memory as it takes: there may be one a partition.
  void put_aside(const rd_kafka_message_t& message) {
    lane.aside = {};
    lane.aside.capacity = bytes_of(message);
    lane.aside.buffer = {new char[lane.aside.capacity + kPadding], std::default_delete<char[]>()};
    append(message, lane.aside);
  }

  void append(const rd_kafka_message_t& message, KafkaMessages& to) const {
    to.values.push_back(put(to, message.payload, message.len));
    to.keys.push_back(put(to, message.key, message.key_len));
    to.offsets.push_back(message.offset);
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const std::int64_t timestamp = rd_kafka_message_timestamp(&message, &type);
    to.timestamps.push_back(type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp);
    if (!headers) return;
    if (auto own = headers_of(message); !own.empty()) {
      to.headers.emplace_back(static_cast<std::uint32_t>(to.size() - 1), std::move(own));
    }
  }

  // A message alone is never too large, whatever it measures.
  bool has_room(std::size_t bytes) const { return out.size() == 0 || out.used + bytes <= out.capacity; }
  bool is_full() const { return out.used >= kMorselBytes || out.size() >= kMorselRecords; }

  void take(rd_kafka_message_t& message) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      lane.end = message.offset;
      if (lane.end >= until) rd_kafka_yield(client);
      return;
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      error = message.err;
      error_text = rd_kafka_message_errstr(&message);
      rd_kafka_yield(client);
      return;
    }
    if (message.offset < lane.next) return;
    lane.next = message.offset + 1;
    if (message.offset >= until || !has_room(bytes_of(message))) {
      put_aside(message);
      full = message.offset < until;
      rd_kafka_yield(client);
      return;
    }
    add(message);
    full = is_full();
    if (full || lane.next >= until) rd_kafka_yield(client);
  }

  // The message that was put aside begins what comes; false: it lies behind the range.
  bool take_aside() {
    if (lane.aside.size() == 0) return true;
    if (lane.aside.offsets.front() >= until) return false;
    KafkaMessages one = std::exchange(lane.aside, {});
    begin(one.capacity);
    out.values.push_back(put(out, one.values.front().data(), one.values.front().size()));
    out.keys.push_back(put(out, one.keys.front().data(), one.keys.front().size()));
    out.offsets = std::move(one.offsets);
    out.timestamps = std::move(one.timestamps);
    out.headers = std::move(one.headers);
    full = is_full();
    return true;
  }
};

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::open(const KafkaSettings& settings, const std::string& group,
                                                           std::size_t partitions, KafkaLog log, std::stop_token stop) {
  KafkaHandle::Properties own;
  const auto prefer = [&](const char* name, std::size_t value) {
    if (!settings.has(name)) own.emplace_back(name, fmt::format("{}", value));
  };
  const std::size_t queues = std::clamp<std::size_t>(partitions, 1, kKafkaLanes);
  const std::size_t share = std::min(kQueuedBytes / queues, kMostQueue);
  prefer("queued.min.messages", std::min(kKafkaQueue / queues, kMostMessages));
  prefer("queued.max.messages.kbytes", share / 1024);
  prefer("fetch.message.max.bytes", kLargestFetch);
  // What is asked of partitions that have nothing waits there, and what others need waits behind it: no longer than the
  // queue of one lasts. The embedded broker lets it wait to its end, whatever comes in the meantime.
  if (settings.embedded || !settings.has("fetch.wait.max.ms")) own.emplace_back("fetch.wait.max.ms", "10");
  auto handle = KafkaHandle::open_consumer(settings, group, std::move(own), std::move(log), std::move(stop));
  if (!handle) return pass_on(handle);
  return std::unique_ptr<KafkaConsumer>(new KafkaConsumer(std::move(*handle)));
}

KafkaConsumer::KafkaConsumer(std::unique_ptr<KafkaHandle> handle) : handle_(std::move(handle)) {}
// What waits in the queue of a partition holds the partition, and a partition whose topic was deleted its queue: unless
// that is led to where the client takes such away, it waits for the partition for ever.
KafkaConsumer::~KafkaConsumer() {
  const std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)> all(rd_kafka_queue_get_consumer(handle_->get()),
                                                                           [](rd_kafka_queue_t* queue) {
                                                                             if (queue != nullptr)
                                                                               rd_kafka_queue_destroy(queue);
                                                                           });
  if (!all) return;
  for (const auto& [partition, lane] : lanes_) rd_kafka_queue_forward(lane->queue, all.get());
}

bool KafkaConsumer::stands_at(const KafkaPartition& partition, std::int64_t offset) const {
  const auto lane = lanes_.find(partition);
  return lane != lanes_.end() && lane->second->at == offset;
}

void KafkaConsumer::set_paused(const KafkaOffsets& partitions, bool paused) {
  KafkaOffsets changed;
  for (const auto& [partition, offset] : partitions) {
    const auto lane = lanes_.find(partition);
    if (lane == lanes_.end() || lane->second->paused == paused) continue;
    lane->second->paused = paused;
    changed[partition] = offset;
  }
  if (changed.empty()) return;
  (paused ? rd_kafka_pause_partitions : rd_kafka_resume_partitions)(handle_->get(), list_of(changed).get());
}

Result<> KafkaConsumer::assign(const KafkaOffsets& from) {
  if (from.empty()) return {};
  // It would look for the leaders by and by, once a second.
  for (const auto& [partition, offset] : from) {
    if (!topics_.insert(partition.topic).second) continue;
    if (auto known = partitions_of(*handle_, partition.topic, kReach); !known) return pass_on(known);
  }
  // What is fetched already is given back first: a seek might let messages through that were under way.
  KafkaOffsets moved;
  for (const auto& [partition, offset] : from) {
    if (lanes_.contains(partition)) moved[partition] = offset;
  }
  resume(moved);
  for (const auto& [partition, offset] : moved) lanes_.erase(partition);
  const auto change = [&](auto* how, const KafkaOffsets& offsets) -> Result<> {
    if (offsets.empty()) return {};
    const KafkaList list = list_of(offsets);
    const std::unique_ptr<rd_kafka_error_t, void (*)(rd_kafka_error_t*)> error(how(handle_->get(), list.get()),
                                                                               rd_kafka_error_destroy);
    if (!error) return {};
    return failure(
        fmt::format("cannot read from Kafka at {}: {}", handle_->brokers(), rd_kafka_error_string(error.get())));
  };
  if (auto gone = change(rd_kafka_incremental_unassign, moved); !gone) return gone;
  for (const auto& [partition, offset] : from) {
    auto lane = std::make_unique<Lane>();
    lane->next = lane->at = offset;
    lane->queue = rd_kafka_queue_get_partition(handle_->get(), partition.topic.c_str(), partition.number);
    // Each partition is read on its own, in the order of the batch. Said before the client begins to fetch, or it would
    // lead this queue into the one of all.
    rd_kafka_queue_forward(lane->queue, nullptr);
    lanes_[partition] = std::move(lane);
  }
  if (lanes_.size() > kKafkaLanes) pause(from);
  return change(rd_kafka_incremental_assign, from);
}

// Unless brokers say that it is not, for as long as it takes to believe them.
bool KafkaConsumer::is_there(const KafkaPartition& partition) {
  const auto found = partitions_of(*handle_, partition.topic, kReach, true);
  return found ? std::ranges::find(*found, partition) != found->end() : handle_->away();
}

Result<bool> KafkaConsumer::fetch(const KafkaPartition& partition, std::int64_t until, BufferPool& pool,
                                  KafkaMessages& out) {
  Lane& lane = *lanes_.at(partition);
  Taking taking{handle_->get(), lane, pool, out, until, keep_headers_, false, 0, {}};
  if (!taking.take_aside()) {
    lane.at = until;
    return false;
  }
  lane.at = -1;
  SteadyClock::time_point heard = SteadyClock::now();
  SteadyClock::time_point said = heard;
  std::optional<SteadyClock::time_point> told_to_stop;
  const auto consume = [&](int wait) {
    return rd_kafka_consume_callback_queue(
        lane.queue, wait, [](rd_kafka_message_t* message, void* self) { static_cast<Taking*>(self)->take(*message); },
        &taking);
  };
  while (!taking.full && lane.next < until && lane.end < until && lane.aside.size() == 0) {
    int taken = consume(0);
    if (taken == 0) {
      // The client may sleep, with this queue as the only one that is not full.
      handle_->wake();
      taken = consume(kFetchWait);
    }
    const bool passes = is_transient(taking.error) || (is_doubtful(taking.error) && is_there(partition));
    if (taking.error != 0 && !passes) {
      lost_ = lost_ || is_loss(taking.error);
      return fetch_fault(partition, lane.next, taking.error, taking.error_text);
    }
    taking.error = 0;
    if (taken > 0) {
      heard = SteadyClock::now();
      continue;
    }
    handle_->serve();
    if (auto good = handle_->usable(); !good) return pass_on(good);
    if (handle_->interrupted()) {
      if (!told_to_stop) told_to_stop = SteadyClock::now();
      if (handle_->silent(std::max(*told_to_stop, heard))) {
        return failure(fmt::format("{}@{}: stopped while Kafka at {} did not answer: {}", partition.name(), lane.next,
                                   handle_->brokers(), handle_->why()));
      }
    }
    if (SteadyClock::now() - std::max(heard, said) > kSilence) {
      said = SteadyClock::now();
      handle_->log(LogLevel::warning,
                   fmt::format("{}@{}: Kafka at {} has not answered for {} s: {}; waiting", partition.name(), lane.next,
                               handle_->brokers(),
                               std::chrono::duration_cast<std::chrono::seconds>(said - heard).count(), handle_->why()));
    }
  }
  taken_ += out.used;
  if (taken_ >= kWakeBytes) {
    handle_->wake();
    taken_ = 0;
  }
  lane.at = out.size() != 0 ? out.offsets.back() + 1 : until;
  return out.size() != 0;
}

}  // namespace streamrun
