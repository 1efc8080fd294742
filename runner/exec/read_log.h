// What was read of sources that may give something else the next time: tables, and what was received. Kept in the batch
// log by source and batch, so that a batch that comes again reads the same.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "runner/base/result.h"
#include "runner/base/strong_id.h"
#include "runner/exec/database.h"

namespace streamrun {

// Any thread. A read is parts in order, from 0; what several reads have in common is kept once.
class ReadLog {
 public:
  // Of a database that others write, too, under `mutex`.
  ReadLog(Database& database, std::mutex& mutex) : database_(database), mutex_(mutex) {}
  static Result<> make_tables(Database& database);

  // Durable when it returns.
  Result<> add(const std::string& source, BatchTime batch, std::int64_t part, std::string_view bytes);
  // The read is whole: it serves its batch and those behind it, until there is another. Reads that serve no batch of
  // the log go.
  // `definition`: of the pipeline that made rows of it.
  Result<> finish(const std::string& source, BatchTime batch, std::string_view definition = {});
  Result<> forget(const std::string& source, BatchTime batch);
  // The whole read that served `batch`.
  Result<std::optional<BatchTime>> serving(const std::string& source, BatchTime batch);
  // Whether a whole read gave, part by part, what `other` has given, under the same definition.
  Result<bool> same(const std::string& source, BatchTime whole, BatchTime other, std::string_view definition);
  // None: there is no such part.
  Result<std::optional<std::string>> part(const std::string& source, BatchTime batch, std::int64_t part);

  // Under the mutex.
  Result<bool> knows(const std::string& source);
  // Under the mutex, and in a transaction: reads that serve no batch of the log.
  Result<> drop_unused();

 private:
  Database& database_;
  std::mutex& mutex_;
};

// The log of a pipeline that runs, or does not, to be read.
class ReadLogFile {
 public:
  static Result<std::unique_ptr<ReadLogFile>> open(const std::string& folder);
  ReadLog& log() { return log_; }

 private:
  explicit ReadLogFile(std::unique_ptr<Database> database) : database_(std::move(database)), log_(*database_, mutex_) {}
  std::mutex mutex_;
  std::unique_ptr<Database> database_;
  ReadLog log_;
};

}  // namespace streamrun
