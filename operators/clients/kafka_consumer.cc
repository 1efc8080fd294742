#include "operators/clients/kafka_consumer.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runner/operator/source.h"

namespace streamrun {
namespace {

using List = std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)>;

constexpr int kFetchWait = 100;               // ms, until somebody looks whether to go on
constexpr std::chrono::seconds kReach{30};    // for brokers when partitions are assigned
constexpr std::chrono::seconds kSilence{10};  // until a fetch that waits says so
constexpr std::chrono::seconds kLastWait{5};  // of a fetch that is told to stop
constexpr std::size_t kBlockBytes = kMorselBytes + kMorselBytes / 4;

List list_of(const KafkaOffsets& offsets) {
  List list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())), rd_kafka_topic_partition_list_destroy);
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)->offset = offset;
  }
  return list;
}

// The first fault of the partitions, or the whole call's.
rd_kafka_resp_err_t fault_of(rd_kafka_resp_err_t error, const rd_kafka_topic_partition_list_t& list) {
  for (int i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && i < list.cnt; ++i) error = list.elems[i].err;
  return error;
}

KafkaOffsets offsets_of(const rd_kafka_topic_partition_list_t& list) {
  KafkaOffsets offsets;
  for (int i = 0; i < list.cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list.elems[i];
    offsets[{one.topic, one.partition}] = one.offset;
  }
  return offsets;
}

// What the brokers say of one topic, or of all where there is none; `take` gives a fault, or none.
template <class Take>
Result<> ask_metadata(KafkaHandle& handle, std::string_view what, rd_kafka_topic_t* topic,
                      std::chrono::milliseconds patience, Take&& take) {
  return handle.attempt(what, patience, [&](int wait) -> int {
    const rd_kafka_metadata_t* metadata = nullptr;
    const rd_kafka_resp_err_t error = rd_kafka_metadata(handle.get(), topic == nullptr ? 1 : 0, topic, &metadata, wait);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
    rd_kafka_resp_err_t fault = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; fault == RD_KAFKA_RESP_ERR_NO_ERROR && i < metadata->topic_cnt; ++i) {
      fault = take(metadata->topics[i]);
    }
    rd_kafka_metadata_destroy(metadata);
    return fault;
  });
}

// None: there is no such topic.
Result<std::vector<KafkaPartition>> partitions_of(KafkaHandle& handle, const std::string& topic,
                                                  std::chrono::milliseconds patience) {
  const std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> one(
      rd_kafka_topic_new(handle.get(), topic.c_str(), nullptr), rd_kafka_topic_destroy);
  std::vector<KafkaPartition> found;
  auto done = ask_metadata(handle, fmt::format("ask for topic '{}'", topic), one.get(), patience,
                           [&](const rd_kafka_metadata_topic_t& told) {
                             found.clear();
                             if (told.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return RD_KAFKA_RESP_ERR_NO_ERROR;
                             for (int p = 0; p < told.partition_cnt; ++p)
                               found.push_back({topic, told.partitions[p].id});
                             return told.err;
                           });
  if (!done) return pass_on(done);
  std::ranges::sort(found);
  return found;
}

// Offsets of partitions, as one call of the library finds them: `call(client, list, milliseconds)`.
template <class Call>
Result<KafkaOffsets> ask_offsets(KafkaHandle& handle, std::string_view what, const KafkaOffsets& asked,
                                 std::chrono::milliseconds patience, Call&& call) {
  KafkaOffsets found;
  if (asked.empty()) return found;
  auto done = handle.attempt(what, patience, [&](int wait) -> int {
    const List list = list_of(asked);
    const rd_kafka_resp_err_t error = fault_of(call(handle.get(), list.get(), wait), *list);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) found = offsets_of(*list);
    return error;
  });
  if (!done) return pass_on(done);
  return found;
}

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
    default: return failure(fmt::format("{}: {}", place, text));
  }
}

}  // namespace

// One partition as the client feeds it.
struct KafkaConsumer::Lane {
  rd_kafka_queue_t* queue = nullptr;
  std::int64_t end = -1;  // the offset behind the last message, when its end was last met
  std::int64_t next = 0;  // of the next message, at least
  KafkaMessages aside;    // a message that came too early, or had no room
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

struct KafkaConsumer::Commits {
  rd_kafka_queue_t* queue = nullptr;
  std::size_t open = 0;
  std::optional<Error> fault;

  void count(const rd_kafka_event_t& event) {
    --open;
    const rd_kafka_resp_err_t error = rd_kafka_event_error(const_cast<rd_kafka_event_t*>(&event));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR__NO_OFFSET) {
      fault = Error{rd_kafka_event_error_string(const_cast<rd_kafka_event_t*>(&event))};
    }
  }
  ~Commits() { rd_kafka_queue_destroy(queue); }
};

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::open(const KafkaSettings& settings, const std::string& group,
                                                           KafkaLog log) {
  KafkaHandle::Properties own = {{"group.id", group},
                                 {"enable.auto.commit", "false"},
                                 {"enable.auto.offset.store", "false"},
                                 {"auto.offset.reset", "error"},
                                 {"enable.partition.eof", "true"},
                                 {"check.crcs", "true"}};
  // A queue a partition: what all of them hold has to stay small, and one alone wants to read far ahead.
  if (!settings.has("queued.min.messages")) own.emplace_back("queued.min.messages", "1000000");
  if (!settings.has("queued.max.messages.kbytes")) own.emplace_back("queued.max.messages.kbytes", "8192");
  // What is asked of partitions that have nothing waits there, and what others need waits behind it: no longer than the
  // queue of one lasts. The embedded broker lets it wait to its end, whatever comes in the meantime.
  if (settings.embedded || !settings.has("fetch.wait.max.ms")) own.emplace_back("fetch.wait.max.ms", "10");
  auto asking = KafkaHandle::open(KafkaRole::consumer, settings, own, log);
  if (!asking) return pass_on(asking);
  auto fetching = KafkaHandle::open(KafkaRole::consumer, settings, own, std::move(log));
  if (!fetching) return pass_on(fetching);
  return std::unique_ptr<KafkaConsumer>(new KafkaConsumer(std::move(*asking), std::move(*fetching)));
}

KafkaConsumer::KafkaConsumer(std::unique_ptr<KafkaHandle> asking, std::unique_ptr<KafkaHandle> fetching)
    : asking_(std::move(asking)), fetching_(std::move(fetching)), commits_(std::make_unique<Commits>()) {
  commits_->queue = rd_kafka_queue_new(asking_->get());
}

KafkaConsumer::~KafkaConsumer() {
  lanes_.clear();
  commits_.reset();
}

void KafkaConsumer::interrupt() {
  asking_->interrupt();
  fetching_->interrupt();
}

Result<std::vector<KafkaPartition>> KafkaConsumer::partitions(const std::string& topic,
                                                              std::chrono::milliseconds patience) {
  return partitions_of(*asking_, topic, patience);
}

Result<std::vector<std::string>> KafkaConsumer::topics(std::chrono::milliseconds patience) {
  std::set<std::string> found;
  auto done =
      ask_metadata(*asking_, "ask for the topics", nullptr, patience, [&](const rd_kafka_metadata_topic_t& told) {
        found.insert(told.topic);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
      });
  if (!done) return pass_on(done);
  return std::vector<std::string>(found.begin(), found.end());
}

Result<KafkaOffsets> KafkaConsumer::offsets_at(const KafkaOffsets& times, std::chrono::milliseconds patience) {
  // One request a broker, where the ask for watermarks takes two a partition; times -1 and -2 are ends and beginnings.
  auto found = ask_offsets(*asking_, "ask for the offsets", times, patience, rd_kafka_offsets_for_times);
  if (!found) return found;
  KafkaOffsets ends;
  for (const auto& [partition, offset] : *found) {
    if (offset < 0) ends[partition] = kKafkaEnd;
  }
  if (ends.empty() || ends == times) return found;
  auto at_end = offsets_at(ends, patience);
  if (!at_end) return at_end;
  for (const auto& [partition, offset] : *at_end) (*found)[partition] = offset;
  return found;
}

Result<KafkaOffsets> KafkaConsumer::committed(const std::vector<KafkaPartition>& of,
                                              std::chrono::milliseconds patience) {
  KafkaOffsets asked;
  for (const KafkaPartition& partition : of) asked[partition] = RD_KAFKA_OFFSET_INVALID;
  auto found = ask_offsets(*asking_, "ask for the group's offsets", asked, patience, rd_kafka_committed);
  if (found) std::erase_if(*found, [](const auto& one) { return one.second < 0; });
  return found;
}

void KafkaConsumer::commit(const KafkaOffsets& offsets) {
  if (offsets.empty()) return;
  const List list = list_of(offsets);
  const rd_kafka_resp_err_t error =
      rd_kafka_commit_queue(asking_->get(), list.get(), commits_->queue, nullptr, nullptr);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++commits_->open;
  } else {
    commits_->fault = Error{rd_kafka_err2str(error)};
  }
}

Result<> KafkaConsumer::settle(std::chrono::milliseconds patience) {
  const SteadyClock::time_point end = SteadyClock::now() + patience;
  while (commits_->open != 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - SteadyClock::now()).count();
    rd_kafka_event_t* const event =
        rd_kafka_queue_poll(commits_->queue, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (event == nullptr) break;
    commits_->count(*event);
    rd_kafka_event_destroy(event);
  }
  asking_->serve();
  if (std::optional<Error> fault = std::exchange(commits_->fault, std::nullopt)) {
    return failure(fmt::format("cannot commit offsets to Kafka at {}: {}", asking_->brokers(), fault->message));
  }
  if (commits_->open != 0) {
    return failure(fmt::format("cannot commit offsets to Kafka at {}: {}", asking_->brokers(),
                               asking_->reason().empty() ? "no answer" : asking_->reason()));
  }
  return {};
}

Result<> KafkaConsumer::assign(const KafkaOffsets& from) {
  if (from.empty()) return {};
  // It would look for the leaders by and by, once a second.
  for (const auto& [partition, offset] : from) {
    if (!topics_.insert(partition.topic).second) continue;
    if (auto known = partitions_of(*fetching_, partition.topic, kReach); !known) return pass_on(known);
  }
  // What is fetched already is given back first: a seek might let messages through that were under way.
  KafkaOffsets moved;
  for (const auto& [partition, offset] : from) {
    if (lanes_.erase(partition) != 0) moved[partition] = offset;
  }
  const auto change = [&](auto* how, const KafkaOffsets& offsets) -> Result<> {
    if (offsets.empty()) return {};
    const List list = list_of(offsets);
    const std::unique_ptr<rd_kafka_error_t, void (*)(rd_kafka_error_t*)> error(how(fetching_->get(), list.get()),
                                                                               rd_kafka_error_destroy);
    if (!error) return {};
    return failure(
        fmt::format("cannot read from Kafka at {}: {}", fetching_->brokers(), rd_kafka_error_string(error.get())));
  };
  if (auto gone = change(rd_kafka_incremental_unassign, moved); !gone) return gone;
  for (const auto& [partition, offset] : from) {
    auto lane = std::make_unique<Lane>();
    lane->next = offset;
    lane->queue = rd_kafka_queue_get_partition(fetching_->get(), partition.topic.c_str(), partition.number);
    // Each partition is read on its own, in the order of the batch. Said before the client begins to fetch, or it would
    // lead this queue into the one of all.
    rd_kafka_queue_forward(lane->queue, nullptr);
    lanes_[partition] = std::move(lane);
  }
  return change(rd_kafka_incremental_assign, from);
}

Result<bool> KafkaConsumer::fetch(const KafkaPartition& partition, std::int64_t until, BufferPool& pool,
                                  KafkaMessages& out) {
  Lane& lane = *lanes_.at(partition);
  Taking taking{fetching_->get(), lane, pool, out, until, keep_headers_, false, 0, {}};
  if (!taking.take_aside()) return out.size() != 0;
  SteadyClock::time_point heard = SteadyClock::now();
  SteadyClock::time_point said = heard;
  std::optional<SteadyClock::time_point> told_to_stop;
  while (!taking.full && lane.next < until && lane.end < until && lane.aside.size() == 0) {
    const int taken = rd_kafka_consume_callback_queue(
        lane.queue, kFetchWait,
        [](rd_kafka_message_t* message, void* self) { static_cast<Taking*>(self)->take(*message); }, &taking);
    if (taking.error != 0 && !is_transient(taking.error)) {
      return fetch_fault(partition, lane.next, taking.error, taking.error_text);
    }
    taking.error = 0;
    if (taken > 0) {
      heard = SteadyClock::now();
      continue;
    }
    fetching_->serve();
    if (auto good = fetching_->usable(); !good) return pass_on(good);
    if (fetching_->interrupted()) {
      if (!told_to_stop) told_to_stop = SteadyClock::now();
      if (SteadyClock::now() - *told_to_stop > kLastWait) {
        return failure(fmt::format("{}@{}: stopped while Kafka at {} did not answer: {}", partition.name(), lane.next,
                                   fetching_->brokers(), fetching_->reason()));
      }
    }
    if (SteadyClock::now() - std::max(heard, said) > kSilence) {
      said = SteadyClock::now();
      fetching_->log(
          LogLevel::warning,
          fmt::format("{}@{}: Kafka at {} has not answered for {} s: {}; waiting", partition.name(), lane.next,
                      fetching_->brokers(), std::chrono::duration_cast<std::chrono::seconds>(said - heard).count(),
                      fetching_->reason()));
    }
  }
  fetching_->wake();
  return out.size() != 0;
}

}  // namespace streamrun
