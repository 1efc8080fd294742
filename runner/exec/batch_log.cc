#include "runner/exec/batch_log.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace streamrun {
namespace {

using Json = nlohmann::json;

// Of the tables below, and of the JSON in them.
constexpr std::int64_t kFormat = 2;
constexpr const char* kTables = R"(
CREATE TABLE log (format INTEGER NOT NULL, pipeline TEXT NOT NULL, dropped INTEGER NOT NULL);
CREATE TABLE batches (
  batch INTEGER PRIMARY KEY,
  intent TEXT NOT NULL,
  intent_hash INTEGER NOT NULL,
  committed TEXT,
  commit_hash INTEGER
);
CREATE TABLE marks (
  output TEXT NOT NULL,
  name TEXT NOT NULL,
  announced INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  value TEXT NOT NULL,
  hash INTEGER NOT NULL,
  PRIMARY KEY (output, name, announced)
) WITHOUT ROWID;
)";

std::int64_t hash_of(std::int64_t batch, std::string_view name, std::string_view text) {
  const std::string all = fmt::format("{}\n{}\n{}", batch, name, text);
  return static_cast<std::int64_t>(XXH3_64bits(all.data(), all.size()));
}

// Texts come from cursors and paths, which may hold any byte.
std::string written(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const BatchIntent& intent) {
  Json ranges = Json::object();
  for (const auto& [source, range] : intent.ranges) {
    Json one = {{"from", range.from}, {"until", range.until}};
    if (range.empty) one["empty"] = true;
    ranges[source] = std::move(one);
  }
  return written({{"ranges", std::move(ranges)},
                  {"origin", intent.origin.value},
                  {"params", intent.params},
                  {"definitions", intent.definitions},
                  {"standing", intent.standing}});
}

std::string to_text(const BatchCommit& commit) {
  return written({{"records", commit.records}, {"rows", commit.rows}, {"rates", commit.rates}});
}

// An exception of the library is a value that is not of its kind.
template <class Read>
bool reads(std::string_view text, Read&& read) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return false;
  try {
    read(json);
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

bool from_text(std::string_view text, BatchIntent& intent) {
  return reads(text, [&](const Json& json) {
    for (const auto& [source, one] : json.at("ranges").items()) {
      SourceRange& range = intent.ranges[source];
      range.from = one.at("from");
      range.until = one.at("until");
      range.empty = one.value("empty", false);
    }
    intent.origin = BatchTime(json.at("origin").get<std::int64_t>());
    intent.params = json.at("params");
    intent.definitions = json.at("definitions");
    intent.standing = json.at("standing");
  });
}

bool from_text(std::string_view text, BatchCommit& commit) {
  return reads(text, [&](const Json& json) {
    commit.records = json.at("records");
    commit.rows = json.at("rows");
    commit.rates = json.at("rates");
  });
}

std::unexpected<Error> damaged(const std::string& path, std::string_view what) {
  return failure(
      fmt::format("'{}': {} is damaged: it is not what was written; put a copy of the folder in its place, or "
                  "give it up with --reset all, and records are read again from where `start` says",
                  path, what));
}

Result<LogContent> read_content(Database& database) {
  LogContent content;
  auto head = database.prepare("SELECT * FROM log");
  if (!head) return pass_on(head);
  const auto found = head->step();
  if (!found) return pass_on(found);
  if (!*found) return damaged(database.path(), "the head of the log");
  if (head->number(0) != kFormat) {
    return failure(
        fmt::format("'{}' is of format {}, and this version reads {}: another version of streamrun has "
                    "written it; run that one",
                    database.path(), head->number(0), kFormat));
  }
  content.pipeline = head->text(1);
  content.dropped = BatchTime(head->number(2));
  auto batches =
      database.prepare("SELECT batch, intent, intent_hash, committed, commit_hash FROM batches ORDER BY batch");
  if (!batches) return pass_on(batches);
  for (;;) {
    const auto more = batches->step();
    if (!more) return pass_on(more);
    if (!*more) break;
    LoggedBatch one;
    const std::int64_t number = batches->number(0);
    one.intent.batch = BatchTime(number);
    const bool committed = !batches->is_null(3);
    bool good =
        hash_of(number, "intent", batches->text(1)) == batches->number(2) && from_text(batches->text(1), one.intent);
    if (good && committed) {
      one.commit.emplace().batch = one.intent.batch;
      good =
          hash_of(number, "commit", batches->text(3)) == batches->number(4) && from_text(batches->text(3), *one.commit);
    }
    if (!good) return damaged(database.path(), "batch " + format_batch_time(BatchTime(number)));
    content.batches.push_back(std::move(one));
  }
  // A file that another output has taken over is no longer of the one that wrote it before.
  auto marks = database.prepare("SELECT output, name, announced, batch, value, hash FROM marks ORDER BY batch");
  if (!marks) return pass_on(marks);
  std::map<std::string, std::string> owners;  // by name
  for (;;) {
    const auto more = marks->step();
    if (!more) return pass_on(more);
    if (!*more) break;
    std::string output(marks->text(0));
    OutputMark mark{std::string(marks->text(1)), std::string(marks->text(4))};
    if (hash_of(marks->number(3), output + '\0' + mark.key, mark.value) != marks->number(5)) {
      return damaged(database.path(), "what stands of output '" + output + "'");
    }
    if (marks->number(2) != 0) {
      content.announced[output].push_back(std::move(mark));
      continue;
    }
    const auto [owner, fresh] = owners.try_emplace(mark.key, output);
    if (!fresh && owner->second != output) {
      std::vector<OutputMark>& formers = content.marks[owner->second];
      std::erase_if(formers, [&](const OutputMark& former) { return former.key == mark.key; });
      if (formers.empty()) content.marks.erase(owner->second);
      owner->second = output;
    }
    content.marks[output].push_back(std::move(mark));
  }
  return content;
}

}  // namespace

std::span<const LoggedBatch> LogContent::committed() const {
  return std::span(batches).first(batches.size() - begun().size());
}

std::span<const LoggedBatch> LogContent::begun() const {
  std::size_t first = batches.size();
  while (first != 0 && !batches[first - 1].commit) --first;
  return std::span(batches).subspan(first);
}

Result<std::unique_ptr<BatchLog>> BatchLog::open(const std::string& path, const std::string& pipeline, Keep keep,
                                                 bool afresh) {
  auto folder = CheckpointFolder::open(path);
  if (!folder) return pass_on(folder);
  if (afresh) {
    if (auto removed = folder->remove_database(); !removed) return pass_on(removed);
  }
  if (folder->had_log() && !folder->has_database()) return damaged(folder->database(), "the log, which is gone,");
  auto database =
      Database::open(folder->database(), folder->has_database() ? Database::Access::write : Database::Access::make);
  if (!database) return pass_on(database);
  std::unique_ptr<BatchLog> log(new BatchLog(std::move(*folder), std::move(*database), keep));
  auto done = log->make_tables(pipeline);
  if (done) done = log->load();
  if (done && log->former_.pipeline != pipeline) {
    done =
        failure(fmt::format("'{}' is the checkpoint of the pipeline '{}', and this one is '{}'; give each a folder of "
                            "its own, or this one the `name` of the other",
                            path, log->former_.pipeline, pipeline));
  }
  if (done) done = log->prepare();
  if (!done) return pass_on(done);
  static_cast<void>(log->folder_.removed());  // which files there are
  return log;
}

// A run that was ended while it made the log has left an empty one.
Result<> BatchLog::make_tables(const std::string& pipeline) {
  {
    auto known = database_->prepare("SELECT count(*) FROM sqlite_schema");
    if (!known) return pass_on(known);
    if (const auto row = known->step(); !row) return pass_on(row);
    if (known->number(0) != 0) return {};
  }
  if (folder_.had_log()) return damaged(database_->path(), "the log, which is empty,");
  auto made = database_->transact([&]() -> Result<> {
    if (auto tables = database_->run(kTables); !tables) return tables;
    if (auto tables = ReadLog::make_tables(*database_); !tables) return tables;
    auto head = database_->prepare("INSERT INTO log VALUES (?, ?, 0)");
    if (!head) return pass_on(head);
    return head->bind(1, kFormat).bind(2, pipeline).run();
  });
  if (made) made = database_->fold();
  return made ? folder_.note_log() : made;
}

Result<LogContent> BatchLog::read(const std::string& folder) {
  const std::string path = CheckpointFolder::database(folder);
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return failure(fmt::format("there is no checkpoint in '{}': {}; the pipeline makes it when it runs", folder,
                               std::strerror(errno)));
  }
  auto database = open_to_read(folder);
  if (!database) return pass_on(database);
  auto content = read_content(**database);
  if (!content) return content;
  for (const char* const ending : {"", "-wal"}) {
    if (::stat((path + ending).c_str(), &status) == 0) content->bytes += static_cast<std::uint64_t>(status.st_size);
  }
  return content;
}

Result<> BatchLog::load() {
  auto content = read_content(*database_);
  if (!content) return pass_on(content);
  former_ = std::move(*content);
  dropped_ = former_.dropped;
  kept_.clear();
  for (const LoggedBatch& one : former_.batches) {
    if (one.commit) kept_.push_back(one.intent.batch);
  }
  return {};
}

Result<> BatchLog::prepare() {
  const auto make = [this](std::optional<Statement>& into, std::string_view text) -> Result<> {
    auto made = database_->prepare(text);
    if (!made) return pass_on(made);
    into.emplace(std::move(*made));
    return {};
  };
  auto done = make(add_intent_, "INSERT INTO batches (batch, intent, intent_hash) VALUES (?, ?, ?)");
  if (done) done = make(add_commit_, "UPDATE batches SET committed = ?, commit_hash = ? WHERE batch = ?");
  if (done) done = make(put_mark_, "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?)");
  if (done) done = make(drop_mark_, "DELETE FROM marks WHERE output = ? AND name = ? AND announced = 0");
  if (done) done = make(drop_announced_, "DELETE FROM marks WHERE announced = 1 AND batch <= ?");
  if (done) done = make(drop_batches_, "DELETE FROM batches WHERE batch < ?");
  if (done) done = make(note_dropped_, "UPDATE log SET dropped = ?");
  return done;
}

Result<bool> BatchLog::reset(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  bool known = former_.marks.contains(name) || former_.announced.contains(name);
  std::vector<BatchIntent> changed;
  for (const LoggedBatch& one : former_.batches) {
    if (!one.intent.ranges.contains(name)) continue;
    known = true;
    changed.push_back(one.intent);
    changed.back().ranges.erase(name);
  }
  if (!known) {
    const auto read = reads_.knows(name);
    if (!read) return pass_on(read);
    if (!*read) return false;
  }
  auto done = database_->transact([&]() -> Result<> {
    auto marks = database_->prepare("DELETE FROM marks WHERE output = ?");
    if (!marks) return pass_on(marks);
    if (auto dropped = marks->bind(1, name).run(); !dropped) return dropped;
    auto reads = database_->prepare("DELETE FROM reads WHERE source = ?");
    if (!reads) return pass_on(reads);
    if (auto dropped = reads->bind(1, name).run(); !dropped) return dropped;
    return update_intents(changed);
  });
  if (done) done = load();
  if (!done) return pass_on(done);
  return true;
}

Result<> BatchLog::update_intents(std::span<const BatchIntent> intents) {
  auto update = database_->prepare("UPDATE batches SET intent = ?, intent_hash = ? WHERE batch = ?");
  if (!update) return pass_on(update);
  for (const BatchIntent& intent : intents) {
    const std::string text = to_text(intent);
    const std::int64_t batch = intent.batch.value;
    auto updated = update->bind(1, text).bind(2, hash_of(batch, "intent", text)).bind(3, batch).run();
    if (!updated) return updated;
  }
  return {};
}

Result<> BatchLog::replace(std::span<const BatchIntent> intents) {
  const std::scoped_lock lock(mutex_);
  return database_->transact([&] { return update_intents(intents); });
}

Result<> BatchLog::add_intent(const BatchIntent& intent) {
  const std::string text = to_text(intent);
  const std::int64_t batch = intent.batch.value;
  return add_intent_->bind(1, batch).bind(2, text).bind(3, hash_of(batch, "intent", text)).run();
}

Result<> BatchLog::put_marks(BatchTime batch, const std::string& output, const std::vector<OutputMark>& marks,
                             bool announced) {
  for (const OutputMark& mark : marks) {
    if (mark.value.empty()) {
      if (auto dropped = drop_mark_->bind(1, output).bind(2, mark.key).run(); !dropped) return dropped;
      continue;
    }
    const std::int64_t hash = hash_of(batch.value, output + '\0' + mark.key, mark.value);
    auto put = put_mark_->bind(1, output)
                   .bind(2, mark.key)
                   .bind(3, announced ? 1 : 0)
                   .bind(4, batch.value)
                   .bind(5, mark.value)
                   .bind(6, hash)
                   .run();
    if (!put) return put;
  }
  return {};
}

Result<> BatchLog::add_commit(const BatchCommit& commit) {
  const std::string text = to_text(commit);
  const std::int64_t batch = commit.batch.value;
  if (auto added = add_commit_->bind(1, text).bind(2, hash_of(batch, "commit", text)).bind(3, batch).run(); !added) {
    return added;
  }
  for (const auto& [output, marks] : commit.marks) {
    if (auto put = put_marks(commit.batch, output, marks, false); !put) return put;
  }
  kept_.push_back(commit.batch);
  return drop_announced_->bind(1, batch).run();
}

Result<> BatchLog::drop_old() {
  const BatchTime before = dropped_;
  const auto is_old = [&] {
    return kept_.front().value < kept_[kept_.size() - keep_.batches].value - keep_.time.count();
  };
  for (; kept_.size() > keep_.batches && is_old(); kept_.pop_front()) dropped_ = kept_.front();
  if (dropped_ == before) return {};
  auto dropped = drop_batches_->bind(1, kept_.front().value).run();
  if (dropped) dropped = note_dropped_->bind(1, dropped_.value).run();
  return dropped ? reads_.drop_unused() : dropped;
}

Result<> BatchLog::write(std::span<const BatchCommit> commits, const BatchIntent* intent) {
  if (commits.empty() && intent == nullptr) return {};
  const std::scoped_lock lock(mutex_);
  if (folder_.removed()) {
    return failure(
        fmt::format("'{}', or a file of it, was removed while it was in use; nothing that is written there would last",
                    folder_.path()),
        ErrorKind::fatal);
  }
  return database_->transact([&]() -> Result<> {
    for (const BatchCommit& commit : commits) {
      if (auto added = add_commit(commit); !added) return added;
    }
    if (!commits.empty()) {
      if (auto dropped = drop_old(); !dropped) return dropped;
    }
    return intent != nullptr ? add_intent(*intent) : Result<>{};
  });
}

Result<> BatchLog::announce(BatchTime batch, const std::string& output, const std::vector<OutputMark>& before) {
  if (before.empty()) return {};
  const std::scoped_lock lock(mutex_);
  return database_->transact([&] { return put_marks(batch, output, before, true); });
}

}  // namespace streamrun
