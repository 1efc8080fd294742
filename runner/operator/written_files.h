// Which output writes which file, and what unfinished ones are called: what all outputs of a run share.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "runner/base/result.h"
#include "runner/operator/environment.h"
#include "runner/operator/temporary_name.h"

namespace streamrun {

// Paths of two outputs that come from data may meet, and then one would lose what the other wrote. Thread-safe.
class WrittenFiles {
 public:
  explicit WrittenFiles(const Disk& disk) : names_(disk) {}
  static std::shared_ptr<WrittenFiles> of(const Environment& environment);

  // Who writes a file. `series` tells files of one output apart that grow part by part.
  struct Writer {
    std::string output;
    std::string series;
    friend bool operator==(const Writer&, const Writer&) = default;
  };
  // A writer may claim a path again; each claim is released. An error, which is fatal for the batch, names both.
  Result<> claim(const std::string& path, const Writer& writer);
  void release(const std::string& path);

  TemporaryNames& names() { return names_; }

 private:
  struct Claim {
    Writer writer;
    std::size_t times = 0;
  };

  TemporaryNames names_;
  std::mutex mutex_;
  std::map<std::string, Claim> claims_;  // by path
};

}  // namespace streamrun
