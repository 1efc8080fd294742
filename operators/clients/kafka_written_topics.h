// The topics that rows go to, as brokers know them: a row whose topic or partition is not there is a fault of the row.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "operators/clients/kafka_producer.h"

namespace streamrun {

// Thread-safe, once it was opened.
class KafkaWrittenTopics {
 public:
  void open(KafkaProducer& producer) { producer_ = &producer; }
  // Asks for it; an error if brokers are away, or there is none.
  Result<> find(const std::string& topic);
  // What is wrong with a message to this partition (negative: to any) of this topic. Nothing where brokers that are
  // away leave that to the publishing.
  std::optional<std::string> fault(const std::string& topic, std::int32_t partition);
  // What it takes, as far as somebody has said it.
  KafkaTopicSettings settings(const std::string& topic);

 private:
  struct Known {
    std::optional<std::size_t> partitions;  // none: nobody has answered; 0: there is no such topic
    std::optional<KafkaTopicSettings> settings;
    std::optional<SteadyClock::time_point> asked;
  };

  std::mutex mutex_;
  KafkaProducer* producer_ = nullptr;
  bool making_ = true;  // brokers may make topics on demand, as far as is known
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace streamrun
