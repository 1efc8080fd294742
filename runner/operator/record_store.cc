#include "runner/operator/record_store.h"

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

Result<> RecordStore::keep(const RawRecords& raw, Morsel morsel) {
  std::string bytes;
  write_records(raw, bytes);
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
  if (!read_records(stored->bytes, morsel.records, raw)) return failure("a spool does not hold what was written");
  raw.keep = std::move(stored->keep);
  return raw;
}

}  // namespace streamrun
