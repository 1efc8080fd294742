#include "operators/clients/kafka_written_topics.h"

#include <fmt/format.h>

#include <utility>

namespace streamrun {
namespace {

constexpr std::chrono::seconds kReach{30};  // for brokers at the start
constexpr std::chrono::seconds kAsk{2};     // within a batch
constexpr std::chrono::seconds kAskAgain{1};

}  // namespace

Result<> KafkaWrittenTopics::find(const std::string& topic) {
  const auto found = producer_->partitions(topic, kReach, true);
  if (!found) return pass_on(found);
  if (*found == 0) {
    return failure(
        fmt::format("cannot find topic '{}' at {}, and the brokers do not make it; make it, or correct `topic`", topic,
                    producer_->brokers()),
        ErrorKind::transient);
  }
  const auto settings = producer_->settings(topic, kAsk);
  const std::scoped_lock lock(mutex_);
  known_[topic] = {*found, settings, SteadyClock::now()};
  return {};
}

KafkaTopicSettings KafkaWrittenTopics::settings(const std::string& topic) {
  const std::scoped_lock lock(mutex_);
  const auto known = known_.find(topic);
  return known == known_.end() ? KafkaTopicSettings() : known->second.settings.value_or(KafkaTopicSettings());
}

std::optional<std::string> KafkaWrittenTopics::fault(const std::string& topic, std::int32_t partition) {
  const std::scoped_lock lock(mutex_);
  Known& known = known_[topic];
  const auto is_there = [&] {
    return known.partitions && *known.partitions != 0 && std::cmp_less(partition, *known.partitions);
  };
  if (is_there()) return std::nullopt;
  // It may have been made, or have grown, meanwhile.
  if (!known.asked || SteadyClock::now() - *known.asked > kAskAgain) {
    if (const auto found = producer_->partitions(topic, kAsk, making_)) {
      if (*found != 0 && !known.settings) known.settings = producer_->settings(topic, kAsk);
      known.partitions = *found;
      making_ = making_ && *found != 0;
    }
    known.asked = SteadyClock::now();
  }
  if (!known.partitions || is_there()) return std::nullopt;
  if (*known.partitions == 0) return fmt::format("there is no topic '{}', and the brokers do not make it", topic);
  return fmt::format("there is no partition {}: topic '{}' has {}", partition, topic, *known.partitions);
}

}  // namespace streamrun
