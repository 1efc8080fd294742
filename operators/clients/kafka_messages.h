// Rows as messages: what a sink's expressions give for them, staged until their batch is published.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "operators/clients/kafka_producer.h"
#include "operators/clients/kafka_settings.h"
#include "operators/clients/kafka_written_topics.h"
#include "runner/operator/path_pattern.h"
#include "runner/operator/row_encoder.h"
#include "runner/operator/sink.h"

namespace streamrun {

// Const, shared.
struct KafkaTarget {
  std::string output;
  std::string transactions;  // id of those that it writes in, with a checkpoint
  KafkaSettings settings;
  PathPattern topic;
  std::optional<Expression> key;
  std::optional<Expression> headers;
  std::optional<Expression> partition;
  std::optional<Expression> timestamp;
  std::shared_ptr<const RowEncoder> encoder;
  bool null_is_tombstone = false;
  bool compressed = false;  // as `client` says
  std::size_t most_bytes = kKafkaMessageBytes;
};

// The rows of a batch in order; one that fails is left out, and an error of its own.
void stage_messages(const KafkaTarget& target, KafkaWrittenTopics& topics, const RecordBatch& batch,
                    KernelContext& context, StagedRows& out);

}  // namespace streamrun
