#include "operators/clients/kafka_handle.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <strings.h>

#include <algorithm>
#include <future>
#include <utility>

#include "runner/base/thread.h"

namespace streamrun {
namespace {

constexpr int kFirstTry = 1000;  // ms; each try may take twice the one before
constexpr int kLongestTry = 8000;
constexpr int kShortTry = 200;
constexpr std::chrono::milliseconds kLook{50};  // whether to go on waiting
constexpr std::chrono::milliseconds kHastyEnd{500};
constexpr std::chrono::seconds kEnd{5};
constexpr std::chrono::seconds kHiccup{1};           // of a wait that is not worth a word
constexpr std::chrono::seconds kQuiet{5};            // and of one that nothing is known against
constexpr std::chrono::seconds kBelieve{4};          // what a broker that starts may say as well
constexpr std::chrono::milliseconds kLastWait{700};  // of who is told to stop, for such as are known to be away
constexpr std::chrono::seconds kLastSilence{2};      // and for such as may be slow

// `host:9092/bootstrap: Connect to … failed: … (after 0ms in state CONNECT)`: without the state.
std::string_view plain(std::string_view reason) {
  const std::size_t state = reason.find(" (after ");
  return reason.substr(0, state);
}

// None: SASL has them elsewhere.
std::optional<std::pair<Secret, Secret>> credentials_of(const KafkaSettings& settings) {
  const Secret* const user = settings.find("sasl.username");
  const Secret* const password = settings.find("sasl.password");
  if (user != nullptr && password != nullptr) return std::pair(*user, *password);
  const Secret* const protocol = settings.find("security.protocol");
  if (protocol != nullptr && strncasecmp(protocol->reveal().c_str(), "sasl", 4) == 0) return std::nullopt;
  return std::pair<Secret, Secret>();
}

}  // namespace

bool is_transient(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT: return true;
    default: return false;
  }
}

bool is_doubtful(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR: return true;
    default: return false;
  }
}

Result<std::unique_ptr<KafkaHandle>> KafkaHandle::open(KafkaRole role, const KafkaSettings& settings,
                                                       const Properties& own, KafkaLog log, std::stop_token stop,
                                                       Delivered delivered) {
  std::unique_ptr<KafkaHandle> made(new KafkaHandle(settings, std::move(log), std::move(stop)));
  std::unique_ptr<rd_kafka_conf_t, void (*)(rd_kafka_conf_t*)> conf(rd_kafka_conf_new(), rd_kafka_conf_destroy);
  char why[512];
  const auto set = [&](const std::string& name, const std::string& value) {
    return rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK;
  };
  bool good = set("bootstrap.servers", settings.brokers);
  for (const auto& [name, value] : settings.client) {
    good = good && set(name, value.reveal());
    made->debugs_ = made->debugs_ || name == "debug";
  }
  for (const auto& [name, value] : own) good = good && set(name, value);
  made->credentials_ = credentials_of(settings);
  if (!good) return failure(fmt::format("cannot use Kafka at {}: {}", settings.brokers, why));
  rd_kafka_conf_set_opaque(conf.get(), made.get());
  rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int error, const char* reason, void* self) {
    static_cast<KafkaHandle*>(self)->note(error, reason);
  });
  // What it would say on standard error is said by those who wait, once and in our words.
  rd_kafka_conf_set_log_cb(conf.get(), nullptr);
  if (made->debugs_) {
    rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t* client, int, const char* facility, const char* text) {
      const auto* const self = client != nullptr ? static_cast<KafkaHandle*>(rd_kafka_opaque(client)) : nullptr;
      if (self != nullptr) self->log(LogLevel::info, fmt::format("librdkafka: {}: {}", facility, text));
    });
  }
  if (delivered != nullptr) rd_kafka_conf_set_dr_msg_cb(conf.get(), delivered);
  rd_kafka_conf_t* const given = conf.release();  // the client's, if there will be one
  made->client_ =
      rd_kafka_new(role == KafkaRole::consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, given, why, sizeof why);
  if (made->client_ == nullptr) {
    rd_kafka_conf_destroy(given);
    return failure(fmt::format("cannot use Kafka at {}: {}", settings.brokers, why));
  }
  return made;
}

Result<std::unique_ptr<KafkaHandle>> KafkaHandle::open_consumer(const KafkaSettings& settings, const std::string& group,
                                                                Properties own, KafkaLog log, std::stop_token stop) {
  own.insert(own.end(), {{"group.id", group},
                         {"enable.auto.commit", "false"},
                         {"enable.auto.offset.store", "false"},
                         {"auto.offset.reset", "error"},
                         {"enable.partition.eof", "true"},
                         {"check.crcs", "true"}});
  return open(KafkaRole::consumer, settings, own, std::move(log), std::move(stop));
}

KafkaHandle::~KafkaHandle() {
  if (client_ == nullptr) return;
  // A thread of the library may hang, as in a look-up of a name: then the client stays behind. With `debug` it talks to
  // this to its end.
  const auto gone = std::make_shared<std::promise<void>>();
  std::future<void> end = gone->get_future();
  const auto left = std::make_shared<std::vector<std::thread>>(std::move(left_));
  const auto destroy = [client = client_, left, gone] {
    for (std::thread& call : *left) call.join();
    // It is no member of the group, which need not hear of its end.
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    gone->set_value();
  };
  Result<std::thread> thread = start_thread("the end of a Kafka client", destroy);
  if (!thread) {
    destroy();  // then it takes as long as it takes
    return;
  }
  thread->detach();
  if (debugs_) {
    end.wait();
  } else {
    end.wait_for(interrupted() ? kHastyEnd : kEnd);
  }
}

void KafkaHandle::answered() {
  const std::scoped_lock lock(mutex_);
  reason_.clear();
}

std::optional<int> KafkaHandle::call_for(int wait, const std::function<int(int)>& call,
                                         const std::function<bool()>& stopped) {
  // Brokers that are there answer at once.
  const int error = call(std::min(wait, kShortTry));
  if (error != RD_KAFKA_RESP_ERR__TIMED_OUT || wait <= kShortTry || stopped()) return error;
  auto told = std::make_shared<std::promise<int>>();
  std::future<int> result = told->get_future();
  Result<std::thread> caller = start_thread("a call of Kafka", [told, call, wait] { told->set_value(call(wait)); });
  if (!caller) return call(wait);  // then it is heard of an interrupt when it has ended
  while (result.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    if (stopped()) {
      const std::scoped_lock lock(mutex_);
      left_.push_back(std::move(*caller));
      return std::nullopt;
    }
    serve(kLook);
  }
  caller->join();
  return result.get();
}

void KafkaHandle::note(int error, std::string_view text) {
  const std::scoped_lock lock(mutex_);
  // That all are away says less than why one is.
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || reason_.empty()) reason_ = plain(text);
  // A broker that goes down may break a handshake as a wrong certificate does, but only the latter at the start.
  const bool refused = error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL ||
                       error == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
  if (!fatal_ && (error == RD_KAFKA_RESP_ERR__FATAL || (refused && !reached_))) fatal_ = plain(text);
}

void KafkaHandle::wake() {
  if (!credentials_) return;
  // The one call that does just this, and changes nothing where the credentials are as before.
  const auto& [user, password] = *credentials_;
  rd_kafka_error_destroy(rd_kafka_sasl_set_credentials(client_, user.reveal().c_str(), password.reveal().c_str()));
}

void KafkaHandle::serve(std::chrono::milliseconds wait) {
  rd_kafka_poll(client_, static_cast<int>(wait.count()));
}

Result<> KafkaHandle::usable() const {
  const std::scoped_lock lock(mutex_);
  if (!fatal_) return {};
  return failure(fmt::format("Kafka at {} refuses this client: {}; check `client`", brokers_, *fatal_));
}

std::string KafkaHandle::reason() const {
  const std::scoped_lock lock(mutex_);
  return reason_;
}

std::string KafkaHandle::why() const {
  std::string known = reason();
  return known.empty() ? "it does not answer" : known;
}

bool KafkaHandle::silent(SteadyClock::time_point since) const {
  return SteadyClock::now() - since > (reason().empty() ? kLastSilence : kLastWait);
}

Result<> KafkaHandle::attempt(std::string_view what, std::chrono::milliseconds patience,
                              const std::function<int(int)>& call) {
  const SteadyClock::time_point end = SteadyClock::now() + patience;
  const SteadyClock::time_point began = SteadyClock::now();
  // Who was waited for in vain is not waited for again.
  const auto stopped = [&] { return interrupted() && (gave_up_ || silent(began)); };
  SteadyClock::time_point sure = began;  // when there was last nothing to doubt
  bool doubted = false;
  bool told = false;
  for (int wait = kFirstTry;; wait = std::min(2 * wait, kLongestTry)) {
    // What is in doubt is asked for behind the end, too, and there has to be time for an answer.
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - SteadyClock::now()).count();
    const auto error = static_cast<rd_kafka_resp_err_t>(
        call_for(static_cast<int>(std::clamp<std::int64_t>(left, kShortTry, wait)), call, stopped)
            .value_or(RD_KAFKA_RESP_ERR__TIMED_OUT));
    serve();
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      reached_ = true;
      away_ = false;
      gave_up_ = false;
      answered();
      return {};
    }
    auto good = usable();
    if (!std::exchange(doubted, is_doubtful(error))) sure = SteadyClock::now();
    const bool doubts = doubted && SteadyClock::now() - sure < kBelieve;
    away_ = good && (doubts || is_transient(error));
    if (!good) return good;
    std::string why = reason();
    if (why.empty() || !is_transient(error)) why = rd_kafka_err2str(error);
    std::string message = fmt::format("cannot {} of Kafka at {}: {}", what, brokers_, why);
    if (!away_) return failure(std::move(message));
    if (stopped()) {
      gave_up_ = true;
      return failure("stopped while waiting: " + message);
    }
    if (SteadyClock::now() >= end && !doubts) {
      return failure(message + "; check `brokers`, and that they can be reached from here", ErrorKind::transient);
    }
    serve(kLook);
    if (told || SteadyClock::now() - began < (reason().empty() ? kQuiet : kHiccup)) continue;
    log(LogLevel::warning, message + "; trying again");
    told = true;
  }
}

}  // namespace streamrun
