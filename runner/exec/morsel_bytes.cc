#include "runner/exec/morsel_bytes.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "runner/operator/line_origin.h"

namespace streamrun {
namespace {

using Json = nlohmann::json;

// What is not the records themselves. As MessagePack, since texts may hold any byte.
Json head_of(const Morsel& morsel) {
  const auto& origin = static_cast<const LineOrigin&>(*morsel.origin);
  Json head = {{"file", origin.file()},
               {"line", origin.first_line()},
               {"records", morsel.raw.size()},
               {"partition", morsel.partition.value},
               {"at_start", morsel.raw.at_start},
               {"framed", morsel.context.framed},
               {"header_at", morsel.context.header_at},
               {"shifts", Json::array()},
               {"faults", Json::array()}};
  if (morsel.context.header) head["header"] = *morsel.context.header;
  for (const LineShift& shift : origin.shifts()) head["shifts"].push_back({shift.record, shift.lines});
  for (const RowError& fault : morsel.faults) head["faults"].push_back({fault.row, fault.message, fault.place});
  return head;
}

bool read_head(const Json& head, std::string_view records, Morsel& morsel) {
  morsel.partition = PartitionIndex(head.at("partition").get<std::uint32_t>());
  morsel.raw.at_start = head.at("at_start");
  morsel.context.framed = head.at("framed");
  morsel.context.header_at = head.at("header_at");
  if (head.contains("header")) morsel.context.header = std::make_shared<std::string>(head["header"].get<std::string>());
  for (const Json& fault : head.at("faults")) {
    morsel.faults.push_back(RowError{fault.at(0), fault.at(1), fault.at(2)});
  }
  std::vector<LineShift> shifts;
  for (const Json& shift : head.at("shifts")) shifts.push_back({shift.at(0), shift.at(1)});
  if (!read_records(records, head.at("records"), morsel.raw)) return false;
  morsel.origin = std::make_shared<LineOrigin>(std::make_shared<std::string>(head.at("file").get<std::string>()),
                                               head.at("line"), morsel.raw, std::move(shifts));
  return true;
}

// An exception of the library is a value that is not of its kind.
bool read_all(std::string_view head, std::string_view records, Morsel& morsel) {
  try {
    return read_head(Json::from_msgpack(head.begin(), head.end(), true, false), records, morsel);
  } catch (const Json::exception&) {
    return false;
  }
}

}  // namespace

std::string morsel_to_bytes(const Morsel& morsel) {
  const std::vector<std::uint8_t> head = Json::to_msgpack(head_of(morsel));
  const auto size = static_cast<std::uint32_t>(head.size());
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof size);
  bytes.append(head.begin(), head.end());
  write_records(morsel.raw, bytes);
  return bytes;
}

Result<> morsel_from_bytes(std::string bytes, Morsel& morsel) {
  const auto kept = std::make_shared<const std::string>(std::move(bytes));
  morsel.raw.keep = kept;
  std::uint32_t size = 0;
  if (kept->size() >= sizeof size) std::memcpy(&size, kept->data(), sizeof size);
  const std::string_view rest = std::string_view(*kept).substr(std::min(kept->size(), sizeof size));
  const bool whole = size != 0 && size <= rest.size() && read_all(rest.substr(0, size), rest.substr(size), morsel);
  if (!whole) return failure("a log of what was read does not hold what was written");
  return {};
}

}  // namespace streamrun
