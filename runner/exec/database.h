// A SQLite database that is either sound or said not to be: what this program keeps across its crashes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runner/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace streamrun {

class Database;

// One statement with its values. One thread; ends before its database.
class Statement {
 public:
  // By position, from 1. Texts outlive the next step().
  Statement& bind(int position, std::int64_t value);
  Statement& bind(int position, std::string_view value);
  Statement& bind_bytes(int position, std::string_view value);
  // True: a row; its columns count from 0, and hold until the next step().
  Result<bool> step();
  // To its end, where no rows are wanted; then it may be bound anew.
  Result<> run();
  std::int64_t number(int column) const;
  std::string_view text(int column) const;
  std::string_view bytes(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(Database& database, sqlite3_stmt* statement) : database_(&database), statement_(statement) {}

  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One thread at a time. After its first error nothing is known of what it holds: every call fails, fatally.
class Database {
 public:
  // `read_unchanging`: nobody writes it, and nothing is written beside it, where a reader else tells the writer of
  // itself.
  enum class Access : std::uint8_t { read, read_unchanging, write, make };
  // What is written is on the disk when a transaction has committed.
  static Result<std::unique_ptr<Database>> open(const std::string& path, Access access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<> run(const char* statements);
  Result<Statement> prepare(std::string_view statement);
  // What was written beside the file goes into it. What a failed sync may have left there is not built upon.
  Result<> fold();
  // Rows that the last statement has changed.
  std::int64_t changed() const;
  const std::string& path() const { return path_; }

  // All of `work()`, or nothing of it.
  template <class Work>
  Result<> transact(Work&& work) {
    if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
    if (auto done = work(); !done) {
      static_cast<void>(run("ROLLBACK"));
      return done;
    }
    return run("COMMIT");
  }

 private:
  friend class Statement;
  explicit Database(std::string path) : path_(std::move(path)) {}
  std::unexpected<Error> fail(int code);

  const std::string path_;
  sqlite3* handle_ = nullptr;
  std::string dead_;  // why
};

}  // namespace streamrun
