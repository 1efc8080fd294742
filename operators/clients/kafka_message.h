// Messages of one partition, copied out of the client one behind the other: what a morsel of Kafka is made of. The
// client lets a message be kept that is taken by itself; below some KiB that costs more than the copy (200 bytes: 1.14
// times the time of reading a topic), and its end may not be looked past, as the readers of JSON do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace streamrun {

struct KafkaHeader {
  std::string key;
  std::optional<std::string> value;
};

// By message. Views are into `buffer`; a null data() says that there is none.
struct KafkaMessages {
  std::shared_ptr<char> buffer;  // with room for kPadding behind
  std::size_t capacity = 0;
  std::size_t used = 0;
  std::vector<std::string_view> values;
  std::vector<std::string_view> keys;
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> timestamps;                                     // ms since 1970; negative: none
  std::vector<std::pair<std::uint32_t, std::vector<KafkaHeader>>> headers;  // of those that have some, ascending

  std::size_t size() const { return offsets.size(); }
};

}  // namespace streamrun
