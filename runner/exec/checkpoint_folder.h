// The folder of a checkpoint: one pipeline's own, for one instance at a time.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>

#include "runner/base/result.h"
#include "runner/exec/database.h"
#include "runner/operator/file_descriptor.h"

namespace streamrun {

// Locked as long as this lives; the lock says by whom.
class CheckpointFolder {
 public:
  // The database in it.
  static std::string database(const std::string& folder) { return folder + "/batches.db"; }

  // Made with 0700, where there is none. What is there and not ours is refused.
  static Result<CheckpointFolder> open(const std::string& path);

  std::string database() const { return database(path_); }
  bool has_database() const { return has_database_; }
  // There was a log, as note_log() has told it: what is missing now is not new.
  bool had_log() const { return had_log_; }
  // Durable, and what is in the folder too.
  Result<> note_log();
  Result<> remove_database();
  const std::string& path() const { return path_; }
  // Somebody has taken it away, or files of it.
  bool removed();

 private:
  explicit CheckpointFolder(std::string path) : path_(std::move(path)) {}
  Result<> make();
  Result<> take_lock();
  Result<> write_lock() const;
  std::string lock_path() const { return path_ + "/lock"; }

  std::string path_;
  FileDescriptor lock_;
  bool has_database_ = false;
  bool had_log_ = false;
  std::map<std::string, ino_t> seen_;  // files that were there
};

// The database of a pipeline that runs, or does not.
Result<std::unique_ptr<Database>> open_to_read(const std::string& folder);

}  // namespace streamrun
