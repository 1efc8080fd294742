// How a pipeline names a Kafka cluster: `brokers` and `client`, checked before anything is opened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/operator/options.h"

namespace streamrun {

// Properties of librdkafka, by their names there. Each may be `{env: …}` or `{file: …}`.
struct ClientOption {
  LocatedText name;
  Secret value;
  Span place;
};
struct ClientOptions {
  std::vector<ClientOption> all;
};

template <>
struct Codec<ClientOptions> {
  static Shape shape();
  static bool decode(const SyntaxNode& node, ClientOptions& out, DecodeContext& context);
};

enum class KafkaRole : std::uint8_t { consumer, producer };

struct KafkaSettings {
  std::string brokers;
  bool embedded = false;  // the broker is in this process, see EmbeddedBroker
  std::vector<std::pair<std::string, Secret>> client;

  // Null where it was not given.
  const Secret* find(std::string_view property) const;
  bool has(std::string_view property) const { return find(property) != nullptr; }
  // A number among the properties; nothing where it was not given.
  std::optional<std::int64_t> number(std::string_view property) const;
};

// A transaction is no longer open than brokers allow by default, in milliseconds; nor does a message wait for longer.
constexpr std::int64_t kMostTransactionMs = 900'000;

// What this program sets of a producer beside `client`, and above it. `transactions`: their id; empty: it has none.
std::vector<std::pair<std::string, std::string>> producer_properties(const KafkaSettings& settings,
                                                                     const std::string& transactions = {});

// Nothing: diagnosed. Only properties of an allow-list are taken, and only values that the library takes.
std::optional<KafkaSettings> bind_kafka(const Located<std::string>& brokers, const ClientOptions& client,
                                        bool allow_plaintext_password, KafkaRole role, Diagnostics& diagnostics);

}  // namespace streamrun
