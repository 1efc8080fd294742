// The transactions of one output: a batch's messages are seen together, or never, and which batch was the last is known
// to the brokers.
//
// With each batch goes an offset of a group of the output's own (the transactional id), with a note of the batch's
// time: the brokers take both or neither. Whoever takes the id over reads there what stands, and fences who had it
// before. The protocol is Kafka's KIP-98; a group's notes are those of KafkaGroup.
#pragma once

#include <optional>
#include <string>

#include "operators/clients/kafka_handle.h"
#include "runner/base/strong_id.h"

namespace streamrun {

// Of a producer with a transactional id. One thread.
class KafkaTransactions {
 public:
  // The handle outlives this.
  KafkaTransactions(KafkaHandle& handle, std::string id) : handle_(handle), id_(std::move(id)) {}

  // What others with this id have left open is aborted, and they are fenced.
  Result<> take_over();
  // The last batch that was committed, by whoever had the id.
  Result<std::optional<BatchTime>> last_batch();
  Result<> begin();
  // What was sent since begin(), all of which brokers have taken, some of it to `topic`. A transient error: nothing of
  // it is seen, and it may begin anew. A fatal one: the id is another's, or nobody knows how it ended.
  Result<> commit(BatchTime batch, const std::string& topic);
  // Nothing of it is seen.
  Result<> abort();

 private:
  Result<> add_note(BatchTime batch, const std::string& topic);

  KafkaHandle& handle_;
  const std::string id_;
};

}  // namespace streamrun
