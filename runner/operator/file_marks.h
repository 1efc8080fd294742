// How files that grow stand in the batch log: after a crash each is as long as it was at the last commit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runner/operator/output_folder.h"
#include "runner/operator/sink.h"
#include "runner/operator/undo_note.h"

namespace streamrun {

// A file behind a batch that is committed.
struct GrownFileMark {
  std::string path;
  std::uint32_t part = 0;
  BatchTime since;  // batch that began the part
  LengthMark end;
};
OutputMark to_mark(const std::string& series, const GrownFileMark& mark);

// What one batch is about to do to files that the log does not know, each told once. Null log: there is nobody to tell.
// One thread.
class FileAnnouncements {
 public:
  FileAnnouncements(OutputLog* log, BatchTime batch) : log_(log), batch_(batch) {}
  bool wanted() const { return log_ != nullptr; }
  // They are not there, or are replaced.
  Result<> will_make(const std::vector<std::string>& paths);
  // It is another's, of so many bytes.
  Result<> will_grow(const std::string& path, std::uint64_t length);

 private:
  Result<> tell(const std::vector<OutputMark>& marks);

  OutputLog* log_;
  BatchTime batch_;
  std::set<std::string> told_;
};

struct RecoveredFiles {
  std::map<std::string, GrownFileMark> go_on;  // by series
  std::vector<OutputMark> gone;                // marks of what is no longer there, taken back
};

// Takes back what batches without a commit have done to files. An error where somebody else has changed one.
// `place_of`: where a path leads.
Result<RecoveredFiles> recover_files(const OutputLog& log,
                                     const std::function<FilePlace(const std::string& path)>& place_of,
                                     const OutputFolders& folders);

}  // namespace streamrun
