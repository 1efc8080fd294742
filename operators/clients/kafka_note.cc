#include "operators/clients/kafka_note.h"

#include <nlohmann/json.hpp>

namespace streamrun {
namespace {

constexpr const char* kVersion = "streamrun";  // of a note: 1
constexpr const char* kBatch = "batch";
constexpr std::int64_t kLastTime = 253'402'300'800'000;  // the end of year 9999

}  // namespace

std::string note_of_batch(BatchTime batch) {
  return nlohmann::json{{kVersion, 1}, {kBatch, batch.value}}.dump();
}

std::optional<BatchTime> batch_of_note(std::string_view note) {
  const nlohmann::json json = nlohmann::json::parse(note, nullptr, false);
  if (!json.is_object() || !json.contains(kVersion) || json[kVersion] != 1) return std::nullopt;
  const auto batch = json.find(kBatch);
  if (batch == json.end() || !batch->is_number_integer()) return std::nullopt;
  const auto time = batch->get<std::int64_t>();
  return time >= 0 && time < kLastTime ? std::optional(BatchTime(time)) : std::nullopt;
}

}  // namespace streamrun
