#include "runner/operator/record_store.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace streamrun {

Result<> RecordStore::fill(RecordReader& reader) {
  for (;;) {
    RawRecords raw;
    Morsel morsel;
    morsel.first_line = reader.line();
    const auto more = reader.next(raw);
    if (!more) return pass_on(more);
    if (!*more) return {};
    morsel.at_start = raw.at_start;
    morsel.context = reader.context();
    morsel.faults = reader.faults();
    morsel.shifts = reader.shifts();
    if (auto kept = keep(raw, std::move(morsel)); !kept) return kept;
  }
}

// The lengths of its records, then their bytes, each behind the line end of the one before: decoders read records that
// lie so side by side at once.
Result<> RecordStore::keep(const RawRecords& raw, Morsel morsel) {
  std::size_t total = raw.records.size() * (sizeof(std::uint32_t) + 1) + kPadding;
  for (const std::string_view record : raw.records) total += record.size();
  std::string bytes;
  bytes.reserve(total);
  for (const std::string_view record : raw.records) {
    const auto length = static_cast<std::uint32_t>(record.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  }
  for (const std::string_view record : raw.records) {
    bytes += record;
    bytes += '\n';
  }
  bytes.append(kPadding, '\0');
  morsel.offset = spool_.size();
  morsel.size = bytes.size();
  morsel.records = raw.size();
  if (auto kept = spool_.append(std::move(bytes)); !kept) return kept;
  morsels_.push_back(std::move(morsel));
  return {};
}

Result<RawRecords> RecordStore::read(const Morsel& morsel) const {
  auto stored = spool_.read_at(morsel.offset, morsel.size);
  if (!stored) return pass_on(stored);
  RawRecords raw;
  raw.at_start = morsel.at_start;
  raw.records.reserve(morsel.records);
  const char* const lengths = stored->bytes.data();
  const char* record = lengths + morsel.records * sizeof(std::uint32_t);
  for (std::uint32_t i = 0; i < morsel.records; ++i) {
    std::uint32_t length = 0;
    std::memcpy(&length, lengths + i * sizeof length, sizeof length);
    raw.records.emplace_back(record, length);
    record += length + 1;
  }
  raw.keep = std::move(stored->keep);
  return raw;
}

}  // namespace streamrun
