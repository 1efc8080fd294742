#include "operators/clients/kafka_settings.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <strings.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "operators/clients/kafka_brokers.h"
#include "runner/operator/option_faults.h"

namespace streamrun {
namespace {

constexpr std::int64_t kLinger = 5000;           // ms
constexpr std::int64_t kTransactionMs = 60'000;  // brokers abort one that is older

enum class For : std::uint8_t { both, consumer, producer };

struct Property {
  std::string_view name;
  For role = For::both;
  bool secret = false;
};

// What a user may set: nothing that loads or runs code, and nothing that the order of records or a guarantee hangs on.
constexpr Property kAllowed[] = {
    {"client.id"},
    {"client.rack"},
    {"message.max.bytes"},
    {"receive.message.max.bytes"},
    {"topic.metadata.refresh.interval.ms"},
    {"topic.metadata.propagation.max.ms"},
    {"metadata.max.age.ms"},
    {"debug"},
    {"socket.timeout.ms"},
    {"socket.send.buffer.bytes"},
    {"socket.receive.buffer.bytes"},
    {"socket.keepalive.enable"},
    {"socket.nagle.disable"},
    {"socket.max.fails"},
    {"socket.connection.setup.timeout.ms"},
    {"broker.address.ttl"},
    {"broker.address.family"},
    {"connections.max.idle.ms"},
    {"reconnect.backoff.ms"},
    {"reconnect.backoff.max.ms"},
    {"api.version.request"},
    {"api.version.request.timeout.ms"},
    {"api.version.fallback.ms"},
    {"broker.version.fallback"},
    {"security.protocol"},
    {"ssl.cipher.suites"},
    {"ssl.curves.list"},
    {"ssl.sigalgs.list"},
    {"ssl.key.location"},
    {"ssl.key.password", For::both, true},
    {"ssl.key.pem", For::both, true},
    {"ssl.certificate.location"},
    {"ssl.certificate.pem"},
    {"ssl.ca.location"},
    {"ssl.ca.pem"},
    {"ssl.crl.location"},
    {"ssl.keystore.location"},
    {"ssl.keystore.password", For::both, true},
    {"sasl.mechanism"},
    {"sasl.mechanisms"},
    {"sasl.username"},
    {"sasl.password", For::both, true},
    {"sasl.kerberos.service.name"},
    {"sasl.kerberos.principal"},
    {"sasl.kerberos.keytab"},
    {"sasl.kerberos.min.time.before.relogin"},
    {"sasl.oauthbearer.method"},
    {"sasl.oauthbearer.client.id"},
    {"sasl.oauthbearer.client.secret", For::both, true},
    {"sasl.oauthbearer.scope"},
    {"sasl.oauthbearer.extensions"},
    {"sasl.oauthbearer.token.endpoint.url"},
    {"queued.min.messages", For::consumer},
    {"queued.max.messages.kbytes", For::consumer},
    {"fetch.wait.max.ms", For::consumer},
    {"fetch.message.max.bytes", For::consumer},
    {"max.partition.fetch.bytes", For::consumer},
    {"fetch.max.bytes", For::consumer},
    {"fetch.min.bytes", For::consumer},
    {"fetch.error.backoff.ms", For::consumer},
    {"isolation.level", For::consumer},
    {"queue.buffering.max.messages", For::producer},
    {"queue.buffering.max.kbytes", For::producer},
    {"queue.buffering.max.ms", For::producer},
    {"linger.ms", For::producer},
    {"retry.backoff.ms", For::producer},
    {"batch.num.messages", For::producer},
    {"batch.size", For::producer},
    {"compression.codec", For::producer},
    {"compression.type", For::producer},
    {"compression.level", For::producer},
    {"request.timeout.ms", For::producer},
    {"message.timeout.ms", For::producer},
    {"delivery.timeout.ms", For::producer},
    {"sticky.partitioning.linger.ms", For::producer},
    {"partitioner", For::producer},
};

struct Refused {
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view kOurs = "streamrun sets it: its guarantees hang on it";
constexpr std::string_view kCode = "it loads or runs code that a pipeline must not bring along";
constexpr std::string_view kVerify = "certificates are always verified; give your own authority as 'ssl.ca.location'";

constexpr Refused kRefused[] = {
    {"bootstrap.servers", "it stands as `brokers`"},
    {"metadata.broker.list", "it stands as `brokers`"},
    {"group.id", "it stands as `group`"},
    {"auto.offset.reset", "it stands as `start`"},
    {"enable.auto.commit", kOurs},
    {"auto.commit.enable", kOurs},
    {"enable.auto.offset.store", kOurs},
    {"enable.partition.eof", kOurs},
    {"check.crcs", kOurs},
    {"enable.idempotence", kOurs},
    {"acks", kOurs},
    {"request.required.acks", kOurs},
    {"transactional.id", kOurs},
    {"max.in.flight", kOurs},
    {"max.in.flight.requests.per.connection", kOurs},
    {"group.instance.id", kOurs},
    {"allow.auto.create.topics", kOurs},
    {"plugin.library.paths", kCode},
    {"ssl.engine.location", kCode},
    {"ssl.engine.id", kCode},
    {"ssl.providers", kCode},
    {"sasl.kerberos.kinit.cmd", kCode},
    {"enable.ssl.certificate.verification", kVerify},
    {"ssl.endpoint.identification.algorithm", kVerify},
    {"enable.sasl.oauthbearer.unsecure.jwt", "such a token proves nothing"},
};

const Property* find_property(std::string_view name) {
  const auto* const found = std::ranges::find(kAllowed, name, &Property::name);
  return found == std::end(kAllowed) ? nullptr : found;
}

bool check_name(const LocatedText& name, DecodeContext& context) {
  if (find_property(name.value()) != nullptr) return true;
  const auto* const refused = std::ranges::find(kRefused, name.value(), &Refused::name);
  if (refused != std::end(kRefused)) {
    context.diagnostics.error("client-property", name.whole(),
                              fmt::format("'{}' cannot be set here: {}", name.value(), refused->why));
    return false;
  }
  std::vector<std::string_view> names;
  for (const Property& one : kAllowed) names.push_back(one.name);
  context.diagnostics.error(
      "client-property", name.whole(),
      fmt::format("there is no property '{}' that can be set here{}", name.value(), did_you_mean(name.value(), names)));
  return false;
}

const std::string* find_text(const ClientOptions& client, std::string_view name) {
  for (const ClientOption& one : client.all) {
    if (one.name.value() == name) return &one.value.reveal();
  }
  return nullptr;
}

bool uses_sasl(const KafkaSettings& settings) {
  const Secret* const protocol = settings.find("security.protocol");
  return protocol != nullptr && strncasecmp(protocol->reveal().c_str(), "sasl", 4) == 0;
}

std::string mechanism_of(const KafkaSettings& settings) {
  for (const std::string_view name : {"sasl.mechanism", "sasl.mechanisms"}) {
    if (const Secret* const given = settings.find(name)) return given->reveal();
  }
  return "GSSAPI";
}

// Of what the library would judge by starting kinit, or by asking for a token.
std::optional<std::string> fault_of_mechanism(const KafkaSettings& settings) {
  if (!uses_sasl(settings)) return std::nullopt;
  const std::string mechanism = mechanism_of(settings);
  if (mechanism == "GSSAPI" && !settings.has("sasl.kerberos.keytab")) {
    return "sasl.mechanism GSSAPI, which it is where none is set, needs sasl.kerberos.keytab; for a user and a "
           "password, "
           "set PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512";
  }
  if (mechanism == "OAUTHBEARER" && !settings.has("sasl.oauthbearer.method")) {
    return "sasl.mechanism OAUTHBEARER needs sasl.oauthbearer.method: oidc, or there are no tokens";
  }
  return std::nullopt;
}

// Whether the library judges a property by what it does then: reads files, starts programs, talks to others.
bool acts(std::string_view name, bool passwords) {
  if (name == "sasl.username" || name == "sasl.password" || name == "sasl.mechanism" || name == "sasl.mechanisms") {
    return !passwords;
  }
  return name.starts_with("ssl.") || name.starts_with("sasl.") || name == "security.protocol" || name == "debug";
}

// Whether the values go together, and with ours, as the library judges it when a client is made: this one reaches
// nobody and reads no file.
std::optional<std::string> fault_together(const KafkaSettings& settings, KafkaRole role) {
  if (settings.client.empty()) return std::nullopt;
  if (auto fault = fault_of_mechanism(settings)) return fault;
  const std::string mechanism = mechanism_of(settings);
  const bool passwords = uses_sasl(settings) && mechanism != "GSSAPI" && mechanism != "OAUTHBEARER";
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();  // the client's, once there is one
  char why[512];
  for (const auto& [name, value] : settings.client) {
    if (!acts(name, passwords)) rd_kafka_conf_set(conf, name.c_str(), value.reveal().c_str(), why, sizeof why);
  }
  if (passwords) rd_kafka_conf_set(conf, "security.protocol", "sasl_plaintext", why, sizeof why);
  rd_kafka_conf_set_log_cb(conf, nullptr);
  if (role == KafkaRole::producer) {
    for (const auto& [name, value] : producer_properties(settings)) {
      rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why);
    }
  }
  rd_kafka_t* const client =
      rd_kafka_new(role == KafkaRole::producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (client == nullptr) {
    rd_kafka_conf_destroy(conf);
    return why;
  }
  rd_kafka_destroy(client);
  return std::nullopt;
}

// A value as the library judges it. Nothing of a secret is said.
bool check_value(rd_kafka_conf_t* conf, const ClientOption& option, Diagnostics& diagnostics) {
  char why[512];
  const std::string& name = option.name.value();
  if (rd_kafka_conf_set(conf, name.c_str(), option.value.reveal().c_str(), why, sizeof why) == RD_KAFKA_CONF_OK) {
    return true;
  }
  std::string_view text = why;
  while (text.ends_with('\n')) text.remove_suffix(1);
  diagnostics.error("client-property", option.place,
                    find_property(name)->secret ? fmt::format("the value of '{}' is not one that can be used", name)
                                                : fmt::format("'{}': {}", name, text));
  return false;
}

}  // namespace

Shape Codec<ClientOptions>::shape() {
  return Shape::map_to(Shape::of_kind(Shape::Kind::secret));
}

bool Codec<ClientOptions>::decode(const SyntaxNode& node, ClientOptions& out, DecodeContext& context) {
  return decode_names(node, context, [&](const SyntaxNode::Entry& entry) {
    if (!check_name(entry.key, context)) return false;
    ClientOption option{entry.key, {}, entry.value.span};
    const bool secret = find_property(entry.key.value())->secret;
    if (entry.value.kind == SyntaxNode::Kind::mapping) {
      if (!read_elsewhere(entry.value, secret, option.value, context)) return false;
    } else if (secret) {
      if (!Codec<Secret>::decode(entry.value, option.value, context)) return false;
    } else {
      LocatedText text;
      if (!Codec<LocatedText>::decode(entry.value, text, context)) return false;
      option.value = Secret(text.value());
    }
    out.all.push_back(std::move(option));
    return true;
  });
}

const Secret* KafkaSettings::find(std::string_view property) const {
  const auto found = std::ranges::find(client, property, [](const auto& one) { return std::string_view(one.first); });
  return found == client.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> KafkaSettings::number(std::string_view property) const {
  const Secret* const given = find(property);
  if (given == nullptr) return std::nullopt;
  const std::string& text = given->reveal();
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::pair<std::string, std::string>> producer_properties(const KafkaSettings& settings,
                                                                     const std::string& transactions) {
  std::vector<std::pair<std::string, std::string>> own = {{"acks", "all"}, {"enable.idempotence", "true"}};
  if (!transactions.empty()) {
    own.emplace_back("transactional.id", transactions);
    // No message may wait for longer than its transaction.
    const std::int64_t waits = std::max(settings.number("message.timeout.ms").value_or(kTransactionMs),
                                        settings.number("delivery.timeout.ms").value_or(kTransactionMs));
    own.emplace_back("transaction.timeout.ms",
                     fmt::format("{}", std::clamp(waits, kTransactionMs, kMostTransactionMs)));
    if (!settings.has("message.timeout.ms") && !settings.has("delivery.timeout.ms")) {
      own.emplace_back("message.timeout.ms", fmt::format("{}", kTransactionMs));
    }
  }
  // As Java's clients do, so that keys meet those of other programs.
  if (!settings.has("partitioner")) own.emplace_back("partitioner", "murmur2_random");
  // The library waits for answers by polling without a pause once a message has lingered. Those that fill no request
  // are sent by flush(), at the end of a batch, so that nothing is late for it.
  if (!settings.has("linger.ms") && !settings.has("queue.buffering.max.ms")) {
    const std::int64_t timeout = std::min(settings.number("message.timeout.ms").value_or(2 * kLinger),
                                          settings.number("delivery.timeout.ms").value_or(2 * kLinger));
    own.emplace_back("linger.ms", fmt::format("{}", std::clamp<std::int64_t>(timeout / 2, 0, kLinger)));
  }
  if (!settings.has("queue.buffering.max.kbytes")) own.emplace_back("queue.buffering.max.kbytes", "32768");
  if (!settings.has("queue.buffering.max.messages")) own.emplace_back("queue.buffering.max.messages", "1000000");
  return own;
}

std::optional<KafkaSettings> bind_kafka(const Located<std::string>& brokers, const ClientOptions& client,
                                        bool allow_plaintext_password, KafkaRole role, Diagnostics& diagnostics) {
  bool good = true;
  KafkaSettings made;
  made.brokers = brokers.value;
  made.embedded = brokers.value == "embedded";
  if (!made.embedded) {
    if (auto fault = fault_of_brokers(brokers.value)) {
      diagnostics.error("bad-option", brokers.span, *fault + "; write host:port, several with commas between");
      good = false;
    }
  }
  const std::unique_ptr<rd_kafka_conf_t, void (*)(rd_kafka_conf_t*)> conf(rd_kafka_conf_new(), rd_kafka_conf_destroy);
  for (const ClientOption& option : client.all) {
    const For wanted = find_property(option.name.value())->role;
    if (wanted != For::both && (wanted == For::consumer) != (role == KafkaRole::consumer)) {
      diagnostics.error(
          "client-property", option.name.whole(),
          fmt::format("'{}' is a property of a {}", option.name.value(), wanted == For::consumer ? "source" : "sink"));
      good = false;
      continue;
    }
    good = check_value(conf.get(), option, diagnostics) && good;
    made.client.emplace_back(option.name.value(), option.value);
  }
  const std::string* const protocol = find_text(client, "security.protocol");
  const std::string* const password = find_text(client, "sasl.password");
  const bool tls =
      protocol != nullptr && (protocol->find("ssl") != std::string::npos || protocol->find("SSL") != std::string::npos);
  if (password != nullptr && !tls && !allow_plaintext_password) {
    const auto given = std::ranges::find(client.all, "sasl.password",
                                         [](const ClientOption& one) { return std::string_view(one.name.value()); });
    diagnostics.error("plaintext-password", given->name.whole(),
                      "this password would go over the network without TLS; set security.protocol: SASL_SSL, or "
                      "allow_plaintext_password: true beside `client`");
    good = false;
  }
  if (!good) return std::nullopt;
  if (auto fault = fault_together(made, role)) {
    diagnostics.error("client-property", client.all.front().name.whole(), fmt::format("`client`: {}", *fault));
    return std::nullopt;
  }
  return made;
}

}  // namespace streamrun
