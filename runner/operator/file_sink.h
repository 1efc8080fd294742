// What sinks of files share: where rows go, and which paths no file can have.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runner/operator/file_marks.h"
#include "runner/operator/file_rules.h"
#include "runner/operator/output_folder.h"
#include "runner/operator/path_pattern.h"
#include "runner/operator/row_encoder.h"
#include "runner/operator/sink.h"
#include "runner/operator/written_files.h"

namespace streamrun {

// Const, shared.
struct FileTarget {
  std::string output;
  PathPattern path;
  FileRules rules;
  bool write_empty = false;
  bool replaced = false;  // what each batch writes takes the place of what was there
  std::shared_ptr<const RowEncoder> encoder;

  std::string render(BatchTime batch, std::string_view route, std::uint32_t part) const {
    return path.render(batch, output, route, part);
  }
  // What only a row's value can change is walked without following links.
  FilePlace place(OutputFolders& folders, BatchTime batch, std::string_view route, std::uint32_t part) const {
    return folders.find(render(batch, route, part), path.routes() ? path.literal_folder().size() : std::string::npos);
  }
  // A file although there are no rows.
  bool writes_empty() const { return write_empty && !path.routes(); }
};

// Paths that an output writes, until this goes away. Thread-safe.
class FileClaims {
 public:
  FileClaims(const FileTarget& target, const OutputFolders& folders)
      : files_(folders.files()), output_(target.output) {}
  ~FileClaims();
  FileClaims(const FileClaims&) = delete;
  FileClaims& operator=(const FileClaims&) = delete;
  // `series`: path of the part 0 that it goes with.
  Result<> claim(const std::string& path, const std::string& series);

 private:
  std::shared_ptr<WrittenFiles> files_;
  std::string output_;
  std::mutex mutex_;
  std::set<std::string> paths_;
};

class FileSink : public Sink {
 public:
  FileSink(std::shared_ptr<const FileTarget> target, const Environment& environment);
  void encode(const RecordBatch& batch, KernelContext& context, std::vector<StagedRows>& out) const override;
  // Folders that are named by time or by data may be met by no later run: what killed ones have left there goes now. A
  // path that is the same in every batch is judged.
  Result<> start(OutputLog* log) final;

  const FileTarget& target() const { return *target_; }
  OutputFolders& folders() const { return *folders_; }
  // Null: there is no checkpoint.
  OutputLog* log() const { return log_; }
  // A former run may have published some of it.
  bool comes_again(BatchTime batch) const {
    return log_ != nullptr && log_->again_until() && batch <= *log_->again_until();
  }
  // A path that batches share is this output's for the whole run.
  FileClaims& claims(FileClaims& of_batch) { return target_->path.has_time() ? of_batch : *claims_; }

 private:
  void stage_rows(const std::vector<ColumnPtr>& picked, const Selection& rows, std::string route,
                  std::vector<StagedRows>& out) const;
  std::optional<std::string> impossible(const std::string& path) const;
  std::optional<std::string> taken(const std::string& path) const;

 protected:
  // Makes it stand as the log says; only where there is one.
  virtual Result<> recover() = 0;
  // A former run's file that this one goes on with.
  virtual bool goes_on_with(const std::string& path) const = 0;
  // By what the log says of files.
  Result<RecoveredFiles> recover_logged() const;

 private:
  std::shared_ptr<const FileTarget> target_;
  std::string working_folder_;
  std::shared_ptr<OutputFolders> folders_;
  std::optional<FileClaims> claims_;
  OutputLog* log_ = nullptr;
};

// A file a batch, route and part, which appears whole when the batch is published; or the same one, replaced whole.
std::unique_ptr<Sink> make_batch_file_sink(std::shared_ptr<const FileTarget> target, const Environment& environment);
// Files that grow by a batch at a time.
std::unique_ptr<Sink> make_growing_file_sink(std::shared_ptr<const FileTarget> target, const Environment& environment);

}  // namespace streamrun
