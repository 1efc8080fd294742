#include "runner/exec/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace streamrun {
namespace {

// A reader never keeps the writer waiting, but the one that folds the log into the file does, for a moment.
constexpr int kBusyMs = 5000;

// Of its own 4 KiB pages: some MiB, as each batch adds a few.
constexpr const char* kDurable =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000; PRAGMA "
    "journal_size_limit=4194304";

std::string unchanging_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool special = c == '%' || c == '?' || c == '#';
    uri += special ? fmt::format("%{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return uri + "?immutable=1";
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::bind(int position, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), position, value);
  return *this;
}

Statement& Statement::bind(int position, std::string_view value) {
  sqlite3_bind_text64(statement_.get(), position, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_bytes(int position, std::string_view value) {
  sqlite3_bind_blob64(statement_.get(), position, value.data(), value.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::step() {
  if (!database_->dead_.empty()) return failure(database_->dead_, ErrorKind::fatal);
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->fail(code);
}

Result<> Statement::run() {
  for (;;) {
    const auto more = step();
    if (!more) return pass_on(more);
    if (!*more) break;
  }
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  return {};
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string_view Statement::bytes(int column) const {
  const auto* const bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Access access) {
  std::unique_ptr<Database> database(new Database(path));
  const bool reads = access == Access::read || access == Access::read_unchanging;
  const int flags = reads                     ? SQLITE_OPEN_READONLY
                    : access == Access::write ? SQLITE_OPEN_READWRITE
                                              : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const std::string name = access == Access::read_unchanging ? unchanging_uri(path) : path;
  const int form = name == path ? 0 : SQLITE_OPEN_URI;
  const int code = sqlite3_open_v2(name.c_str(), &database->handle_, flags | form | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return database->fail(code);
  sqlite3_extended_result_codes(database->handle_, 1);
  sqlite3_busy_timeout(database->handle_, kBusyMs);
  if (reads) return database;
  if (auto set = database->run(kDurable); !set) return pass_on(set);
  if (auto folded = database->fold(); !folded) return pass_on(folded);
  return database;
}

Result<> Database::fold() {
  auto folding = prepare("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!folding) return pass_on(folding);
  const auto row = folding->step();
  if (!row) return pass_on(row);
  if (folding->number(0) == 0) return {};
  return failure(fmt::format("'{}' is being read by another program, which does not end; end it", path_));
}

Database::~Database() {
  sqlite3_close(handle_);
}

Result<> Database::run(const char* statements) {
  if (!dead_.empty()) return failure(dead_, ErrorKind::fatal);
  const int code = sqlite3_exec(handle_, statements, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(code);
  return {};
}

std::int64_t Database::changed() const {
  return sqlite3_changes64(handle_);
}

Result<Statement> Database::prepare(std::string_view statement) {
  if (!dead_.empty()) return failure(dead_, ErrorKind::fatal);
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v3(handle_, statement.data(), static_cast<int>(statement.size()), 0, &made, nullptr);
  if (code != SQLITE_OK) return fail(code);
  return Statement(*this, made);
}

std::unexpected<Error> Database::fail(int code) {
  const char* const why = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  const int kind = code & 0xff;
  const bool damaged = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_ERROR;
  if (dead_.empty()) {
    dead_ = fmt::format("'{}': {}{}", path_, why,
                        damaged ? "; put a copy of the folder in its place, or give it up with --reset all" : "");
  }
  return failure(dead_, ErrorKind::fatal);
}

}  // namespace streamrun
