#include "operators/clients/kafka_transactions.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "operators/clients/kafka_note.h"

namespace streamrun {
namespace {

constexpr std::chrono::seconds kReach{30};  // for brokers at the start
constexpr int kTryMs = 500;                 // of one call, which goes on where it was
constexpr std::chrono::milliseconds kPause{20};

using KafkaError = std::unique_ptr<rd_kafka_error_t, void (*)(rd_kafka_error_t*)>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)>;

KafkaError owned(rd_kafka_error_t* error) {
  return {error, rd_kafka_error_destroy};
}

bool is_fenced(const rd_kafka_error_t* error) {
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

std::unexpected<Error> fatal(const std::string& id, std::string_view what, const rd_kafka_error_t* error) {
  if (is_fenced(error)) {
    return failure(
        fmt::format("another instance has taken over the transactions of '{}': it was started later, and only "
                    "one may write; stop one of them",
                    id),
        ErrorKind::fatal);
  }
  return failure(fmt::format("cannot {} of '{}': {}", what, id, rd_kafka_error_string(error)), ErrorKind::fatal);
}

// Calls until it has an end that stays. `call(milliseconds)` goes on where it was.
template <class Call>
Result<> complete(KafkaHandle& handle, const std::string& id, std::string_view what, Call&& call) {
  for (;;) {
    const KafkaError error = owned(call(kTryMs));
    handle.serve();
    if (!error) return {};
    if (rd_kafka_error_is_fatal(error.get()) != 0 || is_fenced(error.get())) return fatal(id, what, error.get());
    if (rd_kafka_error_txn_requires_abort(error.get()) != 0) {
      return failure(fmt::format("cannot {} of '{}': {}", what, id, rd_kafka_error_string(error.get())),
                     ErrorKind::transient);
    }
    if (rd_kafka_error_is_retriable(error.get()) == 0) return fatal(id, what, error.get());
    if (handle.interrupted()) {
      return failure(
          fmt::format("stopped while it was not known how to {} of '{}' ends; the next start asks the brokers", what,
                      id),
          ErrorKind::fatal);
    }
    if (auto good = handle.usable(); !good) return good;
    handle.serve(kPause);
  }
}

}  // namespace

Result<> KafkaTransactions::take_over() {
  return handle_.attempt(fmt::format("take over the transactions of '{}'", id_), kReach,
                         [client = handle_.get()](int wait) -> int {
                           const SteadyClock::time_point end = SteadyClock::now() + std::chrono::milliseconds(wait);
                           for (;;) {
                             const KafkaError error = owned(rd_kafka_init_transactions(client, wait));
                             if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
                             // The brokers are at ending what a killed run has left open.
                             if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS) {
                               return rd_kafka_error_code(error.get());
                             }
                             if (SteadyClock::now() > end) return RD_KAFKA_RESP_ERR__TIMED_OUT;
                             std::this_thread::sleep_for(kPause);
                           }
                         });
}

Result<std::optional<BatchTime>> KafkaTransactions::last_batch() {
  const std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)> queue(rd_kafka_queue_new(handle_.get()),
                                                                             rd_kafka_queue_destroy);
  const auto ask = [&](int wait, std::optional<BatchTime>& last) -> int {
    const std::unique_ptr<rd_kafka_AdminOptions_t, void (*)(rd_kafka_AdminOptions_t*)> options(
        rd_kafka_AdminOptions_new(handle_.get(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS),
        rd_kafka_AdminOptions_destroy);
    char unused[256];
    rd_kafka_AdminOptions_set_request_timeout(options.get(), wait, unused, sizeof unused);
    // A transaction that is about to end is waited for.
    owned(rd_kafka_AdminOptions_set_require_stable_offsets(options.get(), 1));
    rd_kafka_ListConsumerGroupOffsets_t* group = rd_kafka_ListConsumerGroupOffsets_new(id_.c_str(), nullptr);
    rd_kafka_ListConsumerGroupOffsets(handle_.get(), &group, 1, options.get(), queue.get());
    rd_kafka_ListConsumerGroupOffsets_destroy(group);
    const std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)> event(
        rd_kafka_queue_poll(queue.get(), wait + kTryMs), rd_kafka_event_destroy);
    if (!event) return RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return code;
    }
    std::size_t groups = 0;
    const rd_kafka_group_result_t** const results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &groups);
    for (std::size_t i = 0; i < groups; ++i) {
      if (const rd_kafka_error_t* const error = rd_kafka_group_result_error(results[i])) {
        return rd_kafka_error_code(error);
      }
      const rd_kafka_topic_partition_list_t* const found = rd_kafka_group_result_partitions(results[i]);
      for (int at = 0; found != nullptr && at < found->cnt; ++at) {
        const rd_kafka_topic_partition_t& one = found->elems[at];
        if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return one.err;
        if (one.metadata_size == 0) continue;
        last = std::max(last, batch_of_note({static_cast<const char*>(one.metadata), one.metadata_size}));
      }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  };
  std::optional<BatchTime> last;
  const SteadyClock::time_point end = SteadyClock::now() + kReach;
  for (;;) {
    const int code = ask(2 * kTryMs, last);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return last;
    const bool waits = is_transient(code) || code == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT;
    if (!waits || handle_.interrupted() || SteadyClock::now() > end) {
      return failure(fmt::format("cannot ask for the last batch of '{}' at {}: {}", id_, handle_.brokers(),
                                 rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code))),
                     waits ? ErrorKind::transient : ErrorKind::input);
    }
    handle_.serve(kPause);
  }
}

Result<> KafkaTransactions::begin() {
  const KafkaError error = owned(rd_kafka_begin_transaction(handle_.get()));
  return error ? fatal(id_, "begin a transaction", error.get()) : Result<>{};
}

Result<> KafkaTransactions::add_note(BatchTime batch, const std::string& topic) {
  const Partitions offsets(rd_kafka_topic_partition_list_new(1), rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_t* const one = rd_kafka_topic_partition_list_add(offsets.get(), topic.c_str(), 0);
  one->offset = batch.value;
  const std::string note = note_of_batch(batch);
  // The library frees it.
  one->metadata = ::malloc(note.size());
  if (one->metadata == nullptr) return failure("out of memory", ErrorKind::fatal);
  std::copy(note.begin(), note.end(), static_cast<char*>(one->metadata));
  one->metadata_size = note.size();
  const std::unique_ptr<rd_kafka_consumer_group_metadata_t, void (*)(rd_kafka_consumer_group_metadata_t*)> group(
      rd_kafka_consumer_group_metadata_new(id_.c_str()), rd_kafka_consumer_group_metadata_destroy);
  return complete(handle_, id_, "note the batch in the transaction", [&](int wait) {
    return rd_kafka_send_offsets_to_transaction(handle_.get(), offsets.get(), group.get(), wait);
  });
}

Result<> KafkaTransactions::commit(BatchTime batch, const std::string& topic) {
  if (auto noted = add_note(batch, topic); !noted) return noted;
  return complete(handle_, id_, "commit the transaction",
                  [&](int wait) { return rd_kafka_commit_transaction(handle_.get(), wait); });
}

Result<> KafkaTransactions::abort() {
  return complete(handle_, id_, "abort the transaction",
                  [&](int wait) { return rd_kafka_abort_transaction(handle_.get(), wait); });
}

}  // namespace streamrun
