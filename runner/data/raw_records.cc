#include "runner/data/raw_records.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace streamrun {

void write_records(const RawRecords& raw, std::string& out) {
  std::size_t total = raw.records.size() * (sizeof(std::uint32_t) + 1) + kPadding;
  for (const std::string_view record : raw.records) total += record.size();
  out.reserve(out.size() + total);
  for (const std::string_view record : raw.records) {
    const auto length = static_cast<std::uint32_t>(record.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
  }
  for (const std::string_view record : raw.records) {
    out += record;
    out += '\n';
  }
  out.append(kPadding, '\0');
}

bool read_records(std::string_view bytes, std::uint32_t count, RawRecords& raw) {
  const std::size_t lengths = count * sizeof(std::uint32_t);
  if (bytes.size() < lengths + kPadding) return false;
  std::size_t at = lengths;
  const std::size_t end = bytes.size() - kPadding;
  raw.records.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + i * sizeof length, sizeof length);
    if (length >= end - at) return false;
    raw.records.push_back(bytes.substr(at, length));
    at += length + 1;
  }
  return at == end;
}

std::vector<RowError> RowErrors::take() {
  std::vector<RowError> errors = std::exchange(errors_, {});
  std::ranges::stable_sort(errors, {}, &RowError::row);
  const auto rest = std::ranges::unique(errors, {}, &RowError::row);
  errors.erase(rest.begin(), rest.end());
  return errors;
}

}  // namespace streamrun
