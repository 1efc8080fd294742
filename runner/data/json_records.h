// Records of JSON as a decoder meets them: those that lie side by side are indexed in blocks (json_index.h), and read
// one by one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "runner/data/json_cursor.h"
#include "runner/data/json_index.h"
#include "runner/data/raw_records.h"
#include "runner/data/record_framing.h"
#include "runner/data/text_scan.h"

namespace streamrun {

// Of a Reader:
//   set_null(row)        there is no record: a tombstone, or a line of blanks
//   reject(row, reason)  it is no JSON
//   record(row)          the cursor is at its first token; false: it is rejected, and the cursor is anywhere in it
template <class Reader>
class JsonRecords {
 public:
  // `skipped` takes lines of blanks.
  JsonRecords(Reader& reader, JsonIndex& index, JsonCursor& cursor, std::vector<std::uint32_t>& skipped)
      : reader_(reader), index_(index), cursor_(cursor), skipped_(skipped) {}

  // Rows 0 to `count` are records `first` and on.
  void read(const RawRecords& records, std::uint32_t first, std::uint32_t count) {
    const std::span all = std::span(records.records).subspan(first, count);
    for (std::uint32_t row = 0; row < count;) {
      std::string_view text = all[row];
      if (text.data() == nullptr) {
        reader_.set_null(row++);
      } else if (row == 0 && first == 0 && records.at_start && without_mark(text).size() != text.size()) {
        text = without_mark(text);
        block(row++, std::span(&text, 1));
      } else {
        const std::uint32_t end = run_end(all, row, kBlockBytes);
        block(row, all.subspan(row, end - row));
        row = end;
      }
    }
  }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{64} << 10;  // text and index stay in the first caches

  // Records [row, row + texts.size()), one behind the other in memory.
  void block(std::uint32_t row, std::span<const std::string_view> texts) {
    const char* const base = texts.front().data();
    const auto size = static_cast<std::size_t>(texts.back().data() + texts.back().size() - base);
    if (const char* reason = index_.build(base, size)) {
      if (texts.size() == 1) return reader_.reject(row, reason);
      for (std::uint32_t i = 0; i < texts.size(); ++i) block(row + i, texts.subspan(i, 1));
      return;
    }
    cursor_.base = base;
    cursor_.at = index_.positions();
    cursor_.stop = cursor_.at + index_.count();
    cursor_.plain = std::memchr(base, '\\', size) == nullptr;
    for (const std::string_view text : texts) {
      cursor_.end = static_cast<std::uint32_t>(text.data() + text.size() - base);
      cursor_.reason = nullptr;
      if (cursor_.done()) {
        skipped_.push_back(row);
        reader_.set_null(row);
      } else if (!reader_.record(row)) {
        cursor_.at = std::lower_bound(index_.positions(), cursor_.stop, cursor_.end);
      }
      ++row;
    }
  }

  Reader& reader_;
  JsonIndex& index_;
  JsonCursor& cursor_;
  std::vector<std::uint32_t>& skipped_;
};

}  // namespace streamrun
