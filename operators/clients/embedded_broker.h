// A broker in this process, for whoever has none: `brokers: embedded`. It keeps about 5 MiB a partition, in memory, and
// ends with the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "operators/clients/kafka_settings.h"
#include "runner/base/result.h"
#include "runner/operator/environment.h"

namespace streamrun {

// Thread-safe.
class EmbeddedBroker {
 public:
  // Where `settings` ask for it, it takes the place of their brokers; else null.
  static Result<std::shared_ptr<EmbeddedBroker>> stand_in(KafkaSettings& settings, const Environment& environment);
  // The run's one, started by the first who asks.
  static Result<std::shared_ptr<EmbeddedBroker>> of(const Environment& environment);
  ~EmbeddedBroker();
  EmbeddedBroker(const EmbeddedBroker&) = delete;
  EmbeddedBroker& operator=(const EmbeddedBroker&) = delete;

  const std::string& address() const { return address_; }
  // One that is there stays as it is.
  void make_topic(const std::string& name, std::uint32_t partitions);
  // One request that brings messages is refused, behind so many that are taken.
  void refuse_messages(std::size_t behind);

 private:
  struct State;
  EmbeddedBroker();

  std::unique_ptr<State> state_;
  std::string address_;
};

}  // namespace streamrun
