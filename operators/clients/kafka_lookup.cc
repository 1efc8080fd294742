#include "operators/clients/kafka_lookup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "operators/clients/kafka_list.h"

namespace streamrun {
namespace {

constexpr int kIdWait = 1000;        // ms; it comes with the first answer of all
constexpr std::int64_t kLook = 100;  // ms, until somebody looks whether to go on waiting

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

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;
using Topic = Owned<rd_kafka_topic_t>;

// Of the one topic that an answer is about.
std::optional<KafkaTopicSettings> settings_in(rd_kafka_event_t& event) {
  std::size_t count = 0;
  const rd_kafka_DescribeConfigs_result_t* const answer = rd_kafka_event_DescribeConfigs_result(&event);
  if (answer == nullptr) return std::nullopt;
  const rd_kafka_ConfigResource_t** const topics = rd_kafka_DescribeConfigs_result_resources(answer, &count);
  if (count != 1) return std::nullopt;
  const rd_kafka_ConfigEntry_t** const settings = rd_kafka_ConfigResource_configs(topics[0], &count);
  KafkaTopicSettings found;
  for (const rd_kafka_ConfigEntry_t* one : std::span(settings, count)) {
    const std::string_view name = rd_kafka_ConfigEntry_name(one);
    const char* const text = rd_kafka_ConfigEntry_value(one);
    const std::string_view value = text == nullptr ? std::string_view() : text;
    if (name == "cleanup.policy") found.compacted = value.find("compact") != std::string_view::npos;
    if (name != "max.message.bytes") continue;
    std::size_t number = 0;
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (fault == std::errc() && end == value.data() + value.size()) found.largest_message = number;
  }
  return found;
}

// A broker that starts answers before it has heard of any broker, be it itself, and of any topic: such an answer says
// nothing.
rd_kafka_resp_err_t metadata_of(rd_kafka_t* client, rd_kafka_topic_t* topic, const rd_kafka_metadata_t** told,
                                int wait) {
  const rd_kafka_resp_err_t error = rd_kafka_metadata(client, topic != nullptr ? 0 : 1, topic, told, wait);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR || (*told)->broker_cnt != 0) return error;
  rd_kafka_metadata_destroy(*told);
  return RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE;
}

// What the brokers say of one topic, or of all where it is empty; `take(topic, found)` gives a fault, or none.
template <class Found, class Take>
Result<Found> ask_metadata(KafkaHandle& handle, std::string_view what, const std::string& topic,
                           std::chrono::milliseconds patience, const Take& take) {
  const auto found = std::make_shared<Found>();
  const auto call = [client = handle.get(), topic, found, take](int wait) -> int {
    const Topic one(topic.empty() ? nullptr : rd_kafka_topic_new(client, topic.c_str(), nullptr),
                    [](rd_kafka_topic_t* it) { rd_kafka_topic_destroy(it); });
    const rd_kafka_metadata_t* metadata = nullptr;
    const rd_kafka_resp_err_t error = metadata_of(client, one.get(), &metadata, wait);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
    rd_kafka_resp_err_t fault = RD_KAFKA_RESP_ERR_NO_ERROR;
    *found = {};
    for (int i = 0; fault == RD_KAFKA_RESP_ERR_NO_ERROR && i < metadata->topic_cnt; ++i) {
      fault = take(metadata->topics[i], *found);
    }
    rd_kafka_metadata_destroy(metadata);
    return fault;
  };
  auto done = handle.attempt(what, patience, call);
  if (!done) return pass_on(done);
  return std::move(*found);
}

// That a partition is not there may be what the client was told minutes ago, as by a broker that went down: its error,
// once brokers have said so when they were asked for the topic.
rd_kafka_resp_err_t sure_of(rd_kafka_resp_err_t error, rd_kafka_t* client, const rd_kafka_topic_partition_list_t& list,
                            int wait) {
  if (!is_doubtful(error) || error == RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR) return error;
  std::map<std::string, std::set<std::int32_t>> doubted;
  for (int i = 0; i < list.cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list.elems[i];
    // A partition may well have another error, as that it has no leader.
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) doubted[one.topic].insert(one.partition);
  }
  if (doubted.empty()) return error;
  for (auto& [topic, partitions] : doubted) {
    const Topic one(rd_kafka_topic_new(client, topic.c_str(), nullptr), rd_kafka_topic_destroy);
    const rd_kafka_metadata_t* metadata = nullptr;
    const rd_kafka_resp_err_t asked = metadata_of(client, one.get(), &metadata, wait);
    if (asked != RD_KAFKA_RESP_ERR_NO_ERROR) return asked;
    for (const auto& told : std::span(metadata->topics, static_cast<std::size_t>(metadata->topic_cnt))) {
      for (const auto& there : std::span(told.partitions, static_cast<std::size_t>(told.partition_cnt))) {
        partitions.erase(there.id);
      }
    }
    rd_kafka_metadata_destroy(metadata);
    if (!partitions.empty()) return error;
  }
  return RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

// Offsets of partitions, as one call of the library finds them: `call(client, list, milliseconds)`.
template <class Call>
Result<KafkaCommitted> ask_offsets(KafkaHandle& handle, std::string_view what, const KafkaOffsets& asked,
                                   std::chrono::milliseconds patience, Call call) {
  struct Answer {
    KafkaCommitted found;
    std::string place;
  };
  if (asked.empty()) return KafkaCommitted{};
  const auto answer = std::make_shared<Answer>();
  auto done = handle.attempt(what, patience, [client = handle.get(), asked, answer, call](int wait) -> int {
    const KafkaList list = list_of(asked);
    const rd_kafka_resp_err_t error = sure_of(fault_of(call(client, list.get(), wait), *list), client, *list, wait);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      answer->found = committed_of(*list);
    } else {
      answer->place = place_of_fault(*list);
    }
    return error;
  });
  if (done) return std::move(answer->found);
  // Of a call that goes on behind it nothing may be read.
  return handle.interrupted() ? pass_on(done) : failure_of(answer->place, done.error());
}

}  // namespace

// None: there is no such topic.
Result<std::vector<KafkaPartition>> partitions_of(KafkaHandle& handle, const std::string& topic,
                                                  std::chrono::milliseconds patience, bool was_there) {
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  auto found = ask_metadata<std::vector<KafkaPartition>>(
      handle, fmt::format("ask for topic '{}'", topic), topic, patience,
      [topic, gone, was_there](const rd_kafka_metadata_topic_t& told, std::vector<KafkaPartition>& out) {
        // A name that is none, or collides with another's, is one of no topic.
        *gone = told.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || told.err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
        if (*gone) return was_there ? told.err : RD_KAFKA_RESP_ERR_NO_ERROR;
        for (int p = 0; p < told.partition_cnt; ++p) out.push_back({topic, told.partitions[p].id});
        return told.err;
      });
  if (!found && !handle.away() && *gone) return std::vector<KafkaPartition>();
  if (found) std::ranges::sort(*found);
  return found;
}

std::optional<KafkaTopicSettings> settings_of(KafkaHandle& handle, const std::string& topic,
                                              std::chrono::milliseconds patience) {
  const auto found = std::make_shared<std::optional<KafkaTopicSettings>>();
  const auto call = [client = handle.get(), topic, found](int wait) -> int {
    const Owned<rd_kafka_queue_t> answers(rd_kafka_queue_new(client), rd_kafka_queue_destroy);
    const Owned<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS),
                                                 rd_kafka_AdminOptions_destroy);
    const Owned<rd_kafka_ConfigResource_t> asked(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()),
                                                 rd_kafka_ConfigResource_destroy);
    rd_kafka_AdminOptions_set_request_timeout(options.get(), wait, nullptr, 0);
    rd_kafka_ConfigResource_t* all[] = {asked.get()};
    rd_kafka_DescribeConfigs(client, all, 1, options.get(), answers.get());
    const Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(answers.get(), wait), rd_kafka_event_destroy);
    if (!event) return RD_KAFKA_RESP_ERR__TIMED_OUT;
    const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) *found = settings_in(*event);
    return error;
  };
  return handle.attempt(fmt::format("ask for the settings of topic '{}'", topic), patience, call) ? *found
                                                                                                  : std::nullopt;
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
                                                       KafkaLog log, std::stop_token stop) {
  auto handle = KafkaHandle::open_consumer(settings, group, {}, std::move(log), std::move(stop));
  if (!handle) return pass_on(handle);
  return std::unique_ptr<KafkaLookup>(new KafkaLookup(std::move(*handle)));
}

KafkaLookup::KafkaLookup(std::unique_ptr<KafkaHandle> handle)
    : handle_(std::move(handle)), commits_(std::make_unique<Commits>()) {
  commits_->queue = rd_kafka_queue_new(handle_->get());
}

KafkaLookup::~KafkaLookup() = default;

std::string KafkaLookup::cluster() {
  char* const id = rd_kafka_clusterid(handle_->get(), kIdWait);
  if (id == nullptr) return brokers();
  std::string text = id;
  rd_kafka_mem_free(handle_->get(), id);
  return text;
}

Result<std::vector<KafkaPartition>> KafkaLookup::partitions(const std::string& topic,
                                                            std::chrono::milliseconds patience, bool was_there) {
  return partitions_of(*handle_, topic, patience, was_there);
}

Result<std::vector<std::string>> KafkaLookup::topics(std::chrono::milliseconds patience) {
  auto found =
      ask_metadata<std::vector<std::string>>(*handle_, "ask for the topics", "", patience,
                                             [](const rd_kafka_metadata_topic_t& told, std::vector<std::string>& out) {
                                               out.emplace_back(told.topic);
                                               return RD_KAFKA_RESP_ERR_NO_ERROR;
                                             });
  if (found) std::ranges::sort(*found);
  return found;
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

bool KafkaLookup::committing() const {
  return commits_->open != 0;
}

Result<> KafkaLookup::settle(std::chrono::milliseconds patience) {
  const SteadyClock::time_point began = SteadyClock::now();
  const SteadyClock::time_point end = began + patience;
  while (commits_->open != 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - SteadyClock::now()).count();
    rd_kafka_event_t* const event =
        rd_kafka_queue_poll(commits_->queue, static_cast<int>(std::clamp<std::int64_t>(left, 0, kLook)));
    if (event != nullptr) {
      commits_->count(*event);
      rd_kafka_event_destroy(event);
      if (!commits_->fault) handle_->answered();
      continue;
    }
    handle_->serve();
    if (left <= 0 || (handle_->interrupted() && handle_->silent(began))) break;
  }
  handle_->serve();
  if (std::optional<Error> fault = std::exchange(commits_->fault, std::nullopt)) {
    return failure(fmt::format("cannot commit offsets to Kafka at {}: {}", handle_->brokers(), fault->message));
  }
  if (commits_->open != 0) {
    return failure(fmt::format("cannot commit offsets to Kafka at {}: {}", handle_->brokers(), handle_->why()));
  }
  return {};
}

}  // namespace streamrun
