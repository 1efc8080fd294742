#include "operators/clients/kafka_readers.h"

#include <fmt/format.h>

namespace streamrun {

Result<std::shared_ptr<KafkaReaders>> KafkaReaders::of(const Environment& environment) {
  return environment.shared->get<KafkaReaders>(
      []() -> Result<std::shared_ptr<KafkaReaders>> { return std::make_shared<KafkaReaders>(); });
}

Result<> KafkaReaders::enter(const std::string& cluster, const std::string& group, const std::string& topic,
                             const std::string& source) {
  const std::scoped_lock lock(mutex_);
  const auto [at, fresh] = sources_.try_emplace({cluster, group, topic}, source);
  if (fresh || at->second == source) return {};
  return failure(fmt::format(
      "source '{}' reads topic '{}' as group '{}' of this cluster already; read it once and name that source "
      "in both places, or give one of them a `group` of its own",
      at->second, topic, group));
}

}  // namespace streamrun
