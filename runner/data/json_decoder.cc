// Records of JSON, one object each, into columns. Blocks of records that lie side by side are indexed at once
// (json_index.h), then each record is walked once, in document order. Fields mostly come in the order of the
// record before, so every place in the record first expects the key that stood there last time.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>

#include "runner/data/codec.h"
#include "runner/data/json_cursor.h"
#include "runner/data/json_nested.h"
#include "runner/data/json_records.h"

namespace streamrun {
namespace {

constexpr std::size_t kPredicted = 256;  // places in a record that are remembered
constexpr std::int32_t kUnwanted = -1;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// The key that is expected at one place, quotes included.
struct ExpectedKey {
  std::uint64_t words[2] = {0, 0};
  std::uint64_t masks[2] = {0, 0};
  std::int32_t column = kUnwanted;
  bool fits = false;  // in the words
  std::string text;   // empty: nothing is expected yet

  void set(std::string_view quoted, std::int32_t wanted) {
    text = quoted;
    column = wanted;
    unsigned char mask[16] = {};
    unsigned char head[16] = {};
    const std::size_t size = std::min<std::size_t>(text.size(), sizeof mask);
    fits = text.size() <= sizeof mask;
    std::memset(mask, 0xFF, size);
    std::memcpy(head, text.data(), size);
    std::memcpy(masks, mask, sizeof masks);
    std::memcpy(words, head, sizeof words);
  }
  bool matches(const char* key) const {
    const std::uint64_t differ =
        ((load_word(key) ^ words[0]) & masks[0]) | ((load_word(key + 8) ^ words[1]) & masks[1]);
    if (differ != 0) return false;
    return fits || std::memcmp(key + 16, text.data() + 16, text.size() - 16) == 0;
  }
};

class JsonScratch final : public DecodeScratch {
 public:
  JsonIndex index;
  std::vector<ExpectedKey> expected;
};

struct WantedColumn {
  Field field;
  std::uint32_t position = 0;  // in the schema
};

// A wanted column while it is filled.
struct Target {
  const Field* field = nullptr;
  MutableColumn column;                   // of simple types
  std::unique_ptr<GrowingColumn> nested;  // of others
  std::shared_ptr<StringArena> arena;
  std::byte* values = nullptr;
  std::size_t width = 0;
  std::uint32_t seen = 0;  // the last row, from 1, that had the field
};

// One call of decode.
class Run {
 public:
  Run(const std::vector<WantedColumn>& wanted,
      const std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>>& by_name,
      const TimeFormats& formats, JsonScratch& scratch, std::uint32_t rows, RowErrors& errors)
      : by_name_(by_name), scratch_(scratch), rows_(rows), errors_(errors) {
    context_.time = compile_time(formats);
    targets_.resize(wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      Target& target = targets_[i];
      target.field = &wanted[i].field;
      target.arena = std::make_shared<StringArena>();
      if (target.field->type.is_nested()) {
        target.nested = std::make_unique<GrowingColumn>(target.field->type, *target.arena);
      } else {
        target.column = Column::make(target.field->type, rows);
        target.values = target.column->values<std::byte>();
        target.width = storage_size(target.field->type.kind());
      }
    }
  }

  void read(const RawRecords& records, std::uint32_t first, std::vector<std::uint32_t>& skipped) {
    JsonRecords(*this, scratch_.index, cursor_, skipped).read(records, first, rows_);
  }

  std::vector<ColumnPtr> finish(const std::vector<WantedColumn>& wanted, std::size_t columns,
                                const std::shared_ptr<const void>& keep) {
    std::vector<ColumnPtr> result(columns);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      Target& target = targets_[i];
      std::vector<std::shared_ptr<const void>> heaps;
      if (keep) heaps.push_back(keep);
      if (target.arena->bytes() != 0) heaps.push_back(target.arena);
      if (target.nested) {
        while (target.nested->rows() < rows_) target.nested->append_null();
        result[wanted[i].position] = target.nested->finish(heaps);
      } else {
        for (const auto& heap : heaps) target.column->keep(heap);
        result[wanted[i].position] = std::move(target.column);
      }
    }
    return result;
  }

 private:
  friend class JsonRecords<Run>;

  void set_null(std::uint32_t row) { finish_row(row, 0); }

  void reject(std::uint32_t row, const char* reason) {
    errors_.add(row, std::string("not a JSON object: ") + reason);
    set_null(row);
  }

  // Nulls for what the row has not. `found`: distinct wanted columns that it has.
  void finish_row(std::uint32_t row, std::size_t found) {
    if (found == targets_.size()) return;
    for (Target& target : targets_) {
      if (target.seen == row + 1) continue;
      if (target.nested) {
        target.nested->truncate(row);
        while (target.nested->rows() <= row) target.nested->append_null();
      } else {
        set_null(target, row);
      }
    }
  }

  static void set_null(Target& target, std::uint32_t row) {
    target.column->set_null(row);
    // Rows that are null still hold a value that may be looked at: a string must not dangle.
    std::memset(target.values + row * target.width, 0, target.width);
  }

  bool fail(std::uint32_t row, const char* reason) {
    // A record that lacks its end is read into the one behind it.
    if (cursor_.done()) reason = "it ends too early";
    pending_.clear();
    for (Target& target : targets_) target.seen = 0;
    reject(row, reason);
    return false;
  }

  bool record(std::uint32_t row) {
    JsonCursor& cursor = cursor_;
    std::size_t found = 0;
    if (*cursor.here() != '{') return fail(row, "it does not begin with a brace");
    ++cursor.at;
    if (cursor.token() == '}') {
      ++cursor.at;
    } else if (const char* reason = fields(row, found)) {
      return fail(row, reason);
    }
    if (cursor.at[-1] >= cursor.end) return fail(row, "it ends too early");
    if (!cursor.done()) return fail(row, "something follows the object");
    finish_row(row, found);
    if (!pending_.empty()) [[unlikely]] {
      errors_.add(row, std::move(pending_.front().second));
      pending_.clear();
    }
    return true;
  }

  // Up to behind the closing brace; or what is wrong. The place stands in a register: most fields are expected, and
  // not wanted.
  const char* fields(std::uint32_t row, std::size_t& found) {
    const char* const base = cursor_.base;
    const std::uint32_t* const stop = cursor_.stop;
    const std::uint32_t* at = cursor_.at;
    const ExpectedKey* expected = scratch_.expected.data();
    std::size_t places = scratch_.expected.size();
    for (std::size_t place = 0;; ++place) {
      const char* reason = nullptr;
      std::int32_t wanted;
      if (stop - at < 4) {  // key, colon, value, brace
        reason = "it ends too early";
      } else if (place < places && expected[place].matches(base + *at)) [[likely]] {
        wanted = expected[place].column;
        if (base[at[1]] != ':') reason = "a colon is missing behind a key";
        at += 2;
      } else {
        cursor_.at = at;
        if (!find_key(place, wanted)) return cursor_.reason;
        at = cursor_.at;
        expected = scratch_.expected.data();
        places = scratch_.expected.size();
      }
      if (reason == nullptr && wanted == kUnwanted && json_scalar_starts(base[*at])) [[likely]] {
        ++at;
      } else {
        cursor_.at = at;
        if (reason != nullptr) return reason;
        const bool good =
            wanted == kUnwanted ? skip_json(cursor_) : value(targets_[static_cast<std::size_t>(wanted)], row, found);
        if (!good) return cursor_.reason;
        at = cursor_.at;
      }
      const char next = base[*at];
      if (next == ',') [[likely]] {
        ++at;
        continue;
      }
      cursor_.at = at;
      if (next != '}') return "a comma or a brace is missing";
      ++cursor_.at;
      return nullptr;
    }
  }

  // The key at hand, which was not expected at this place; it will be next time.
  bool find_key(std::size_t place, std::int32_t& wanted) {
    const char* const quote = cursor_.done() ? nullptr : cursor_.here();
    const std::string_view quoted = quote == nullptr ? std::string_view{} : cursor_.scalar();
    std::string_view key;
    if (!read_json_key(cursor_, context_.spare, key)) return false;
    const auto known = by_name_.find(key);
    wanted = known == by_name_.end() ? kUnwanted : known->second;
    if (place < kPredicted) {
      if (scratch_.expected.size() <= place) scratch_.expected.resize(place + 1);
      // The key as it stands, so that one with escapes is known again as well.
      scratch_.expected[place].set(quoted, wanted);
    }
    if (!cursor_.done() && cursor_.stop - cursor_.at >= 2) return true;
    cursor_.reason = "it ends too early";
    return false;
  }

  bool value(Target& target, std::uint32_t row, std::size_t& found) {
    const std::uint32_t* const begin = cursor_.at;
    if (target.seen == row + 1) [[unlikely]] {  // the name comes again: what it said before is void
      std::erase_if(pending_, [&](const auto& fault) { return fault.first == &target; });
      if (target.column) target.column->validity.set(row);
      if (target.nested) target.nested->truncate(row);
    } else {
      target.seen = row + 1;
      ++found;
    }
    JsonRead read;
    if (target.nested) {
      read = target.nested->append(cursor_, context_, 1);
    } else {
      context_.depth = 1;
      read = read_json_simple(target.field->type, cursor_, context_, *target.arena, target.values + row * target.width);
      if (read == JsonRead::null) set_null(target, row);
    }
    if (read == JsonRead::ok || read == JsonRead::null) [[likely]]
      return true;
    if (read == JsonRead::broken) return false;
    const std::string found_text = excerpt(cursor_.done() ? std::string_view{} : cursor_.shown());
    pending_.emplace_back(&target, fmt::format("field '{}': expected {}, found {}", target.field->name,
                                               target.field->type.name(), found_text));
    // The rest of the record is still looked at: it may be broken, or say the name again.
    cursor_.at = begin;
    if (target.nested) {
      target.nested->append_null();
    } else {
      set_null(target, row);
    }
    return skip_json(cursor_);
  }

  const std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>>& by_name_;
  JsonScratch& scratch_;
  std::uint32_t rows_;
  RowErrors& errors_;
  std::vector<Target> targets_;
  JsonContext context_;
  JsonCursor cursor_;
  std::vector<std::pair<const Target*, std::string>> pending_;  // values of a wrong type in the record at hand
};

class JsonDecoder final : public Decoder {
 public:
  JsonDecoder(const Schema& schema, const std::vector<bool>& wanted, TimeFormats formats)
      : columns_(schema.size()), formats_(std::move(formats)) {
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      if (i >= wanted.size() || !wanted[i]) continue;
      by_name_.emplace(schema.columns[i].name, static_cast<std::int32_t>(wanted_.size()));
      wanted_.push_back({schema.columns[i], i});
    }
  }

  std::unique_ptr<DecodeScratch> scratch() const override { return std::make_unique<JsonScratch>(); }

  std::vector<ColumnPtr> decode(const RawRecords& records, const StreamContext& /*context*/, std::uint32_t first,
                                std::uint32_t count, DecodeScratch* scratch, RowErrors& errors,
                                std::vector<std::uint32_t>& skipped) const override {
    JsonScratch own;
    JsonScratch& remembered = scratch != nullptr ? static_cast<JsonScratch&>(*scratch) : own;
    Run run(wanted_, by_name_, formats_, remembered, count, errors);
    run.read(records, first, skipped);
    return run.finish(wanted_, columns_, records.keep);
  }

 private:
  std::size_t columns_;
  TimeFormats formats_;
  std::vector<WantedColumn> wanted_;
  std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>> by_name_;
};

}  // namespace

std::unique_ptr<Decoder> make_json_decoder(const Schema& schema, const std::vector<bool>& wanted,
                                           const TimeFormats& formats) {
  return std::make_unique<JsonDecoder>(schema, wanted, formats);
}

}  // namespace streamrun
