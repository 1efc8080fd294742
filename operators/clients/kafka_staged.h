// A message as bytes, while it waits for its batch to be published.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "operators/clients/kafka_producer.h"

namespace streamrun {

// Its numbers, then its texts. What is read points into the bytes.
class StagedMessage {
 public:
  static void write(const KafkaRecord& record, std::string& out) {
    append(record.partition, out);
    append(record.timestamp, out);
    for (const std::string_view text : {record.topic, record.key, record.value, record.place}) append_text(text, out);
    append(static_cast<std::uint32_t>(record.headers.size()), out);
    for (const auto& [name, value] : record.headers) {
      append_text(name, out);
      append_text(value, out);
    }
  }

  static void read(std::string_view bytes, KafkaRecord& record) {
    StagedMessage message(bytes);
    record.partition = message.take<std::int32_t>();
    record.timestamp = message.take<std::int64_t>();
    for (std::string_view* text : {&record.topic, &record.key, &record.value, &record.place}) {
      *text = message.take_text();
    }
    record.headers.resize(message.take<std::uint32_t>());
    for (auto& [name, value] : record.headers) {
      name = message.take_text();
      value = message.take_text();
    }
  }

 private:
  explicit StagedMessage(std::string_view bytes) : left_(bytes) {}

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  template <class T>
  static void append(T number, std::string& out) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  static void append_text(std::string_view text, std::string& out) {
    append(text.data() == nullptr ? kNone : static_cast<std::uint32_t>(text.size()), out);
    out += text;
  }
  template <class T>
  T take() {
    T number;
    std::memcpy(&number, left_.data(), sizeof number);
    left_.remove_prefix(sizeof number);
    return number;
  }
  std::string_view take_text() {
    const auto size = take<std::uint32_t>();
    if (size == kNone) return {};
    const std::string_view text = left_.substr(0, size);
    left_.remove_prefix(size);
    return text;
  }

  std::string_view left_;
};

}  // namespace streamrun
