#include "runner/exec/read_log.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>

#include "runner/base/units.h"
#include "runner/exec/checkpoint_folder.h"

namespace streamrun {
namespace {

// What ends a read that is whole: no part, but the definition of its rows.
constexpr std::int64_t kEnd = -1;
constexpr const char* kTables = R"(
CREATE TABLE reads (
  source TEXT NOT NULL,
  batch INTEGER NOT NULL,
  part INTEGER NOT NULL,
  bytes BLOB,
  PRIMARY KEY (source, batch, part)
) WITHOUT ROWID;
CREATE TABLE parts (hash BLOB PRIMARY KEY, bytes BLOB NOT NULL);
)";

std::array<char, sizeof(XXH128_canonical_t)> hash_of(std::string_view bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  std::array<char, sizeof canonical> hash{};
  std::copy_n(reinterpret_cast<const char*>(canonical.digest), hash.size(), hash.begin());
  return hash;
}

}  // namespace

Result<> ReadLog::make_tables(Database& database) {
  return database.run(kTables);
}

Result<> ReadLog::add(const std::string& source, BatchTime batch, std::int64_t part, std::string_view bytes) {
  const auto hash = hash_of(bytes);
  const std::string_view key(hash.data(), hash.size());
  const std::scoped_lock lock(mutex_);
  return database_.transact([&]() -> Result<> {
    auto content = database_.prepare("INSERT OR IGNORE INTO parts VALUES (?, ?)");
    if (!content) return pass_on(content);
    if (auto put = content->bind_bytes(1, key).bind_bytes(2, bytes).run(); !put) return put;
    auto row = database_.prepare("INSERT OR REPLACE INTO reads VALUES (?, ?, ?, ?)");
    if (!row) return pass_on(row);
    return row->bind(1, source).bind(2, batch.value).bind(3, part).bind_bytes(4, key).run();
  });
}

Result<> ReadLog::finish(const std::string& source, BatchTime batch, std::string_view definition) {
  const std::scoped_lock lock(mutex_);
  return database_.transact([&]() -> Result<> {
    auto row = database_.prepare("INSERT OR REPLACE INTO reads VALUES (?, ?, ?, ?)");
    if (!row) return pass_on(row);
    const auto hash = hash_of(definition);
    const std::string_view key(hash.data(), hash.size());
    if (auto put = row->bind(1, source).bind(2, batch.value).bind(3, kEnd).bind_bytes(4, key).run(); !put) return put;
    return drop_unused();
  });
}

Result<> ReadLog::forget(const std::string& source, BatchTime batch) {
  const std::scoped_lock lock(mutex_);
  auto row = database_.prepare("DELETE FROM reads WHERE source = ? AND batch = ?");
  if (!row) return pass_on(row);
  return row->bind(1, source).bind(2, batch.value).run();
}

Result<std::optional<BatchTime>> ReadLog::serving(const std::string& source, BatchTime batch) {
  const std::scoped_lock lock(mutex_);
  auto row = database_.prepare("SELECT max(batch) FROM reads WHERE source = ? AND batch <= ? AND part = ?");
  if (!row) return pass_on(row);
  const auto found = row->bind(1, source).bind(2, batch.value).bind(3, kEnd).step();
  if (!found) return pass_on(found);
  if (!*found || row->is_null(0)) return std::nullopt;
  return BatchTime(row->number(0));
}

Result<bool> ReadLog::same(const std::string& source, BatchTime whole, BatchTime other, std::string_view definition) {
  const std::scoped_lock lock(mutex_);
  auto row = database_.prepare(R"(
    WITH one AS (SELECT part, bytes FROM reads WHERE source = ?1 AND batch = ?2 AND part >= 0),
      two AS (SELECT part, bytes FROM reads WHERE source = ?1 AND batch = ?3 AND part >= 0)
    SELECT EXISTS (SELECT 1 FROM reads WHERE source = ?1 AND batch = ?2 AND part = ?4 AND bytes = ?5) AND
      NOT EXISTS (SELECT * FROM one EXCEPT SELECT * FROM two) AND
      NOT EXISTS (SELECT * FROM two EXCEPT SELECT * FROM one))");
  if (!row) return pass_on(row);
  const auto hash = hash_of(definition);
  row->bind(1, source).bind(2, whole.value).bind(3, other.value).bind(4, kEnd);
  const auto found = row->bind_bytes(5, std::string_view(hash.data(), hash.size())).step();
  if (!found) return pass_on(found);
  return row->number(0) != 0;
}

Result<std::optional<std::string>> ReadLog::part(const std::string& source, BatchTime batch, std::int64_t part) {
  const std::scoped_lock lock(mutex_);
  auto row = database_.prepare(
      "SELECT parts.hash, parts.bytes FROM reads LEFT JOIN parts ON parts.hash = reads.bytes "
      "WHERE source = ? AND batch = ? AND part = ?");
  if (!row) return pass_on(row);
  const auto found = row->bind(1, source).bind(2, batch.value).bind(3, part).step();
  if (!found) return pass_on(found);
  if (!*found) return std::nullopt;
  std::string bytes(row->bytes(1));
  const auto hash = hash_of(bytes);
  if (row->is_null(0) || row->bytes(0) != std::string_view(hash.data(), hash.size())) {
    return failure(fmt::format(
        "'{}': what was read of '{}' for batch {} is damaged: it is not what was written; put a copy of the "
        "folder in its place, or forget what was read with --reset {}",
        database_.path(), source, format_batch_time(batch), source));
  }
  return bytes;
}

Result<bool> ReadLog::knows(const std::string& source) {
  auto row = database_.prepare("SELECT 1 FROM reads WHERE source = ? LIMIT 1");
  if (!row) return pass_on(row);
  return row->bind(1, source).step();
}

Result<> ReadLog::drop_unused() {
  auto unused = database_.run(R"(
    DELETE FROM reads WHERE
      batch < (SELECT max(batch) FROM reads AS last WHERE last.source = reads.source) AND
      NOT EXISTS (
        SELECT 1 FROM batches WHERE batches.batch >= reads.batch AND batches.batch <
          (SELECT min(batch) FROM reads AS next WHERE next.source = reads.source AND next.batch > reads.batch)))");
  if (!unused || database_.changed() == 0) return unused;
  return database_.run("DELETE FROM parts WHERE hash NOT IN (SELECT bytes FROM reads WHERE bytes IS NOT NULL)");
}

Result<std::unique_ptr<ReadLogFile>> ReadLogFile::open(const std::string& folder) {
  auto database = open_to_read(folder);
  if (!database) return pass_on(database);
  return std::unique_ptr<ReadLogFile>(new ReadLogFile(std::move(*database)));
}

}  // namespace streamrun
