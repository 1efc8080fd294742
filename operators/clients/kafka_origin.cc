#include "operators/clients/kafka_origin.h"

#include <fmt/format.h>

#include <algorithm>

namespace streamrun {

const Type& kafka_headers_type() {
  static const Type type = Type::array(Type::structure({{"key", TypeKind::string}, {"value", TypeKind::binary}}));
  return type;
}

std::vector<Field> kafka_columns() {
  return {{"_key", TypeKind::binary},   {"_topic", TypeKind::string},        {"_partition", TypeKind::int32},
          {"_offset", TypeKind::int64}, {"_timestamp", TypeKind::timestamp}, {"_headers", kafka_headers_type()}};
}

std::string KafkaOrigin::place(std::uint32_t record) const {
  return fmt::format("{}@{}", partition_.name(), messages_.offsets[record]);
}

ColumnPtr KafkaOrigin::hidden(std::string_view name, std::uint32_t first, std::uint32_t count) const {
  if (name == "_topic") {
    const MutableColumn column = Column::make_constant(TypeKind::string, count);
    const auto topic = std::make_shared<const std::string>(partition_.topic);
    column->values<StringRef>()[0] = StringRef(*topic);
    column->keep(topic);
    return column;
  }
  if (name == "_partition") {
    const MutableColumn column = Column::make_constant(TypeKind::int32, count);
    column->values<std::int32_t>()[0] = partition_.number;
    return column;
  }
  if (name == "_offset") {
    const MutableColumn column = Column::make(TypeKind::int64, count);
    std::copy_n(messages_.offsets.begin() + first, count, column->values<std::int64_t>());
    return column;
  }
  if (name == "_timestamp") return timestamps(first, count);
  if (name == "_key") return keys(first, count);
  if (name == "_headers") return headers(first, count);
  return nullptr;
}

ColumnPtr KafkaOrigin::timestamps(std::uint32_t first, std::uint32_t count) const {
  const MutableColumn column = Column::make(TypeKind::timestamp, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int64_t ms = messages_.timestamps[first + i];
    // Records of times that are none are rejected by the reader, and may be shown as such.
    const bool is_time = ms >= 0 && ms <= kKafkaLastTime;
    column->values<std::int64_t>()[i] = is_time ? ms * 1000 : 0;
    if (!is_time) column->set_null(i);
  }
  return column;
}

ColumnPtr KafkaOrigin::keys(std::uint32_t first, std::uint32_t count) const {
  const MutableColumn column = Column::make(TypeKind::binary, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view key = messages_.keys[first + i];
    column->values<StringRef>()[i] = key.data() == nullptr ? StringRef() : StringRef(key);
    if (key.data() == nullptr) column->set_null(i);
  }
  column->keep(messages_.buffer);
  return column;
}

// As Spark's: no headers are a null.
ColumnPtr KafkaOrigin::headers(std::uint32_t first, std::uint32_t count) const {
  auto one = std::ranges::lower_bound(messages_.headers, first, {}, [](const auto& entry) { return entry.first; });
  const auto behind =
      std::ranges::lower_bound(messages_.headers, first + count, {}, [](const auto& entry) { return entry.first; });
  std::uint32_t total = 0;
  for (auto at = one; at != behind; ++at) total += static_cast<std::uint32_t>(at->second.size());
  const Type& pair = kafka_headers_type().element();
  const MutableColumn names = Column::make(TypeKind::string, total);
  const MutableColumn values = Column::make(TypeKind::binary, total);
  const auto arena = std::make_shared<StringArena>();
  const MutableColumn lists = Column::make(kafka_headers_type(), count);
  std::uint32_t next = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    ListRef& list = lists->values<ListRef>()[i];
    list = {next, 0};
    if (one == behind || one->first != first + i) {
      lists->set_null(i);
      continue;
    }
    for (const KafkaHeader& header : one->second) {
      names->values<StringRef>()[next] = arena->copy(header.key);
      values->values<StringRef>()[next] = header.value ? arena->copy(*header.value) : StringRef();
      if (!header.value) values->set_null(next);
      ++next;
    }
    list.length = static_cast<std::uint32_t>(one->second.size());
    ++one;
  }
  names->keep(arena);
  values->keep(arena);
  const MutableColumn pairs = Column::make(pair, total);
  pairs->children = {names, values};
  lists->children = {pairs};
  return lists;
}

}  // namespace streamrun
