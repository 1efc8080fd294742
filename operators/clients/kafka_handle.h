// A client of librdkafka and what it says of its brokers: what consumers and producers share.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "operators/clients/kafka_settings.h"
#include "runner/base/result.h"
#include "runner/operator/environment.h"

struct rd_kafka_s;
struct rd_kafka_message_s;

namespace streamrun {

// What waits for the network goes by real time.
using SteadyClock = std::chrono::steady_clock;
using KafkaLog = std::function<void(LogLevel, const std::string&)>;

// Thread-safe.
class KafkaHandle {
 public:
  using Properties = std::vector<std::pair<std::string, std::string>>;
  // Called by serve() for each message that was delivered or given up. `handle` is this.
  using Delivered = void (*)(rd_kafka_s*, const rd_kafka_message_s*, void* handle);

  // `own` wins over the settings' `client`. Connects by and by. Once `stop` is requested, who waits for brokers gives
  // up, soon.
  static Result<std::unique_ptr<KafkaHandle>> open(KafkaRole role, const KafkaSettings& settings, const Properties& own,
                                                   KafkaLog log, std::stop_token stop, Delivered delivered = nullptr);
  // One that reads, and moves the group's offsets only when told to.
  static Result<std::unique_ptr<KafkaHandle>> open_consumer(const KafkaSettings& settings, const std::string& group,
                                                            Properties own, KafkaLog log, std::stop_token stop);
  // Waits for the client's threads, though not for long.
  ~KafkaHandle();
  KafkaHandle(const KafkaHandle&) = delete;
  KafkaHandle& operator=(const KafkaHandle&) = delete;

  rd_kafka_s* get() const { return client_; }
  const std::string& brokers() const { return brokers_; }

  // For callbacks: whose client it is.
  void* owner = nullptr;

  // Calls back what has come: errors, deliveries. At most so long.
  void serve(std::chrono::milliseconds wait = {});
  // What no waiting mends: a certificate, a password.
  Result<> usable() const;
  // Why brokers cannot be reached, as far as is known.
  std::string reason() const;
  // The same for a message; that they do not answer is all that is known of one that hangs.
  std::string why() const;
  // Nobody has answered since then, and for so long that who is told to stop waits no longer: a little where it is
  // known that they are away.
  bool silent(SteadyClock::time_point since) const;

  // `call(milliseconds)` gives a rd_kafka_resp_err_t. Tried until it succeeds, fails for a reason that stays, or
  // `patience` is over: then "cannot WHAT: …". What keeps it waiting is logged once. It may run in a thread of its own
  // and go on behind an attempt that was told to stop: it owns what it touches, but for the client.
  Result<> attempt(std::string_view what, std::chrono::milliseconds patience, const std::function<int(int)>& call);

  // The threads that talk to brokers look for work now. They sleep for up to a second when the queues of all partitions
  // are full, and are not told when one is emptied.
  void wake();

  // The last attempt() failed because nobody answered, which may pass.
  bool away() const { return away_; }

  bool interrupted() const { return stop_.stop_requested(); }
  // Brokers have answered: what was the matter with them no longer is.
  void answered();
  void log(LogLevel level, const std::string& message) const {
    if (log_) log_(level, message);
  }

 private:
  KafkaHandle(const KafkaSettings& settings, KafkaLog log, std::stop_token stop)
      : brokers_(settings.brokers), log_(std::move(log)), stop_(std::move(stop)) {}
  void note(int error, std::string_view text);
  // What it gives, or nothing where `stopped` before.
  std::optional<int> call_for(int wait, const std::function<int(int)>& call, const std::function<bool()>& stopped);

  rd_kafka_s* client_ = nullptr;
  std::optional<std::pair<Secret, Secret>> credentials_;  // user and password of SASL, or what stands for none
  bool debugs_ = false;  // `debug` is among the properties: the library's own log is wanted
  const std::string brokers_;
  const KafkaLog log_;
  const std::stop_token stop_;
  std::vector<std::thread> left_;      // calls that nobody waits for any more
  std::atomic<bool> reached_ = false;  // once
  std::atomic<bool> away_ = false;
  std::atomic<bool> gave_up_ = false;  // when it was told to stop
  mutable std::mutex mutex_;
  std::string reason_;
  std::optional<std::string> fatal_;
};

// Mended by waiting: a broker away, a leader that moves.
bool is_transient(int error);
// A topic or partition that is not there: a broker that has just started says so of those that it does not know yet.
bool is_doubtful(int error);

}  // namespace streamrun
