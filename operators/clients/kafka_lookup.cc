#include "operators/clients/kafka_lookup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "operators/clients/kafka_list.h"

namespace streamrun {
namespace {

// The first fault of the partitions, or the whole call's.
rd_kafka_resp_err_t fault_of(rd_kafka_resp_err_t error, const rd_kafka_topic_partition_list_t& list) {
  for (int i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && i < list.cnt; ++i) error = list.elems[i].err;
  return error;
}

// Where a fault is: the library names a partition, or the call fails for all of them.
std::string place_of_fault(const rd_kafka_topic_partition_list_t& list) {
  std::set<std::string> topics;
  for (int i = 0; i < list.cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list.elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaPartition{one.topic, one.partition}.name();
    topics.insert(one.topic);
  }
  return fmt::format("{}", fmt::join(topics, ", "));
}

KafkaCommitted committed_of(const rd_kafka_topic_partition_list_t& list) {
  KafkaCommitted found;
  for (int i = 0; i < list.cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list.elems[i];
    found.offsets[{one.topic, one.partition}] = one.offset;
    if (one.metadata_size != 0) found.notes.emplace_back(static_cast<const char*>(one.metadata), one.metadata_size);
  }
  return found;
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

// Offsets of partitions, as one call of the library finds them: `call(client, list, milliseconds)`.
template <class Call>
Result<KafkaCommitted> ask_offsets(KafkaHandle& handle, std::string_view what, const KafkaOffsets& asked,
                                   std::chrono::milliseconds patience, Call&& call) {
  KafkaCommitted found;
  if (asked.empty()) return found;
  std::string place;
  auto done = handle.attempt(what, patience, [&](int wait) -> int {
    const KafkaList list = list_of(asked);
    const rd_kafka_resp_err_t error = fault_of(call(handle.get(), list.get(), wait), *list);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      found = committed_of(*list);
    } else {
      place = place_of_fault(*list);
    }
    return error;
  });
  if (!done) return failure(place + ": " + done.error().message);
  return found;
}

}  // namespace

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

struct KafkaLookup::Commits {
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

Result<std::unique_ptr<KafkaLookup>> KafkaLookup::open(const KafkaSettings& settings, const std::string& group,
                                                       KafkaLog log) {
  auto handle = KafkaHandle::open_consumer(settings, group, {}, std::move(log));
  if (!handle) return pass_on(handle);
  return std::unique_ptr<KafkaLookup>(new KafkaLookup(std::move(*handle)));
}

KafkaLookup::KafkaLookup(std::unique_ptr<KafkaHandle> handle)
    : handle_(std::move(handle)), commits_(std::make_unique<Commits>()) {
  commits_->queue = rd_kafka_queue_new(handle_->get());
}

KafkaLookup::~KafkaLookup() = default;

Result<std::vector<KafkaPartition>> KafkaLookup::partitions(const std::string& topic,
                                                            std::chrono::milliseconds patience) {
  return partitions_of(*handle_, topic, patience);
}

Result<std::vector<std::string>> KafkaLookup::topics(std::chrono::milliseconds patience) {
  std::set<std::string> found;
  auto done =
      ask_metadata(*handle_, "ask for the topics", nullptr, patience, [&](const rd_kafka_metadata_topic_t& told) {
        found.insert(told.topic);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
      });
  if (!done) return pass_on(done);
  return std::vector<std::string>(found.begin(), found.end());
}

Result<KafkaOffsets> KafkaLookup::offsets_at(const KafkaOffsets& times, std::chrono::milliseconds patience) {
  // One request a broker, where the ask for watermarks takes two a partition; times -1 and -2 are ends and beginnings.
  auto told = ask_offsets(*handle_, "ask for the offsets", times, patience, rd_kafka_offsets_for_times);
  if (!told) return pass_on(told);
  KafkaOffsets found = std::move(told->offsets);
  KafkaOffsets ends;
  for (const auto& [partition, offset] : found) {
    if (offset < 0) ends[partition] = kKafkaEnd;
  }
  if (ends.empty() || ends == times) return found;
  auto at_end = offsets_at(ends, patience);
  if (!at_end) return at_end;
  for (const auto& [partition, offset] : *at_end) found[partition] = offset;
  return found;
}

Result<KafkaCommitted> KafkaLookup::committed(const std::vector<KafkaPartition>& of,
                                              std::chrono::milliseconds patience) {
  KafkaOffsets asked;
  for (const KafkaPartition& partition : of) asked[partition] = RD_KAFKA_OFFSET_INVALID;
  auto found = ask_offsets(*handle_, "ask for the group's offsets", asked, patience, rd_kafka_committed);
  if (found) std::erase_if(found->offsets, [](const auto& one) { return one.second < 0; });
  return found;
}

void KafkaLookup::commit(const KafkaOffsets& offsets, std::string_view note) {
  if (offsets.empty()) return;
  const KafkaList list = list_of(offsets);
  for (int i = 0; i < list->cnt; ++i) {
    rd_kafka_topic_partition_t& one = list->elems[i];
    // The list's, which frees it.
    one.metadata = rd_kafka_mem_malloc(nullptr, note.size());
    one.metadata_size = note.size();
    std::memcpy(one.metadata, note.data(), note.size());
  }
  const rd_kafka_resp_err_t error =
      rd_kafka_commit_queue(handle_->get(), list.get(), commits_->queue, nullptr, nullptr);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++commits_->open;
  } else {
    commits_->fault = Error{rd_kafka_err2str(error)};
  }
}

Result<> KafkaLookup::settle(std::chrono::milliseconds patience) {
  const SteadyClock::time_point end = SteadyClock::now() + patience;
  while (commits_->open != 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - SteadyClock::now()).count();
    rd_kafka_event_t* const event =
        rd_kafka_queue_poll(commits_->queue, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (event == nullptr) break;
    commits_->count(*event);
    rd_kafka_event_destroy(event);
  }
  handle_->serve();
  if (std::optional<Error> fault = std::exchange(commits_->fault, std::nullopt)) {
    return failure(fmt::format("cannot commit offsets to Kafka at {}: {}", handle_->brokers(), fault->message));
  }
  if (commits_->open != 0) {
    return failure(fmt::format("cannot commit offsets to Kafka at {}: {}", handle_->brokers(),
                               handle_->reason().empty() ? "no answer" : handle_->reason()));
  }
  return {};
}

}  // namespace streamrun
