#include "operators/clients/embedded_broker.h"

#include <arpa/inet.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "runner/base/thread.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {
namespace {

// A connection, at once closed.
void knock(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // Whether it gets there shows in what the other side does.
  const int under_way = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
  static_cast<void>(under_way);
}

// The cluster's thread may sleep for a second before it sees that it is asked for something; a connection wakes it.
class Awake {
 public:
  explicit Awake(const std::string& address) {
    auto thread = start_thread("the embedded broker's end", [address, enough = enough_.get_token()] {
      std::mutex mutex;
      std::condition_variable_any wait;
      std::unique_lock lock(mutex);
      while (!enough.stop_requested()) {
        wait.wait_for(lock, enough, kKnock, [] { return false; });
        if (!enough.stop_requested()) knock(address);
      }
    });
    // Without it the end takes a second.
    if (thread) thread_ = std::move(*thread);
  }
  ~Awake() {
    enough_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  Awake(const Awake&) = delete;
  Awake& operator=(const Awake&) = delete;

 private:
  static constexpr std::chrono::milliseconds kKnock{10};
  std::stop_source enough_;
  std::thread thread_;
};

}  // namespace

struct EmbeddedBroker::State {
  rd_kafka_t* client = nullptr;  // whose cluster it is
  rd_kafka_mock_cluster_t* cluster = nullptr;

  ~State() {
    if (cluster != nullptr) {
      const Awake awake(rd_kafka_mock_cluster_bootstraps(cluster));
      rd_kafka_mock_cluster_destroy(cluster);
    }
    if (client != nullptr) rd_kafka_destroy(client);
  }
};

EmbeddedBroker::EmbeddedBroker() : state_(std::make_unique<State>()) {}
EmbeddedBroker::~EmbeddedBroker() = default;

Result<std::shared_ptr<EmbeddedBroker>> EmbeddedBroker::stand_in(KafkaSettings& settings,
                                                                 const Environment& environment) {
  if (!settings.embedded) return std::shared_ptr<EmbeddedBroker>();
  auto broker = of(environment);
  if (broker) settings.brokers = (*broker)->address();
  return broker;
}

Result<std::shared_ptr<EmbeddedBroker>> EmbeddedBroker::of(const Environment& environment) {
  return environment.shared->get<EmbeddedBroker>([]() -> Result<std::shared_ptr<EmbeddedBroker>> {
    std::shared_ptr<EmbeddedBroker> made(new EmbeddedBroker);
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    char why[512];
    // It has no brokers of its own, and need not complain of that.
    rd_kafka_conf_set_log_cb(conf, nullptr);
    made->state_->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (made->state_->client == nullptr) {
      rd_kafka_conf_destroy(conf);
      return failure("the embedded Kafka broker cannot start: " + std::string(why));
    }
    made->state_->cluster = rd_kafka_mock_cluster_new(made->state_->client, 1);
    if (made->state_->cluster == nullptr) return failure("the embedded Kafka broker cannot start");
    made->address_ = rd_kafka_mock_cluster_bootstraps(made->state_->cluster);
    return made;
  });
}

void EmbeddedBroker::make_topic(const std::string& name, std::uint32_t partitions) {
  const Awake awake(address_);
  rd_kafka_mock_topic_create(state_->cluster, name.c_str(), static_cast<int>(partitions), 1);
}

void EmbeddedBroker::refuse_messages(std::size_t behind) {
  constexpr std::int16_t kProduce = 0;
  std::vector<rd_kafka_resp_err_t> answers(behind, RD_KAFKA_RESP_ERR_NO_ERROR);
  answers.push_back(RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
  rd_kafka_mock_push_request_errors_array(state_->cluster, kProduce, answers.size(), answers.data());
}

}  // namespace streamrun
