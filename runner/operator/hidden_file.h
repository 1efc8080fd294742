// A file that appears whole or not at all: written under another name, renamed at the end.
#pragma once

#include <string>
#include <string_view>

#include "runner/operator/file_rules.h"
#include "runner/operator/file_writer.h"
#include "runner/operator/output_folder.h"

namespace streamrun {

// One thread.
class HiddenFile {
 public:
  HiddenFile(const FileRules& rules, FilePlace place);

  Result<> add(std::string_view bytes);
  // Frees the descriptor and the buffers; what comes then opens it again.
  Result<> rest() { return writer_.is_open() ? writer_.rest() : Result<>{}; }
  bool is_open() const { return writer_.is_open(); }
  std::uint64_t size() const { return writer_.size(); }

  // Its last byte is on the disk; then it may be seen. Each may be called again after a failure.
  Result<> complete();
  Result<> reveal();
  // Leaves nothing behind of what nobody has seen.
  void discard();
  const std::shared_ptr<OutputFolder>& folder() const { return place_.folder; }

 private:
  Result<> open();
  Result<> begin();

  const FileRules& rules_;
  FilePlace place_;
  std::string hidden_;
  FileWriter writer_;
  bool begun_ = false;
  bool complete_ = false;
  bool visible_ = false;
};

}  // namespace streamrun
