// The outside world, passed in: what sources and sinks may use.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <typeindex>
#include <utility>

#include "runner/base/clock.h"
#include "runner/base/disk.h"
#include "runner/base/result.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/record_reader.h"

namespace streamrun {

// What several sources and sinks of a run use together: one of each type, made by the first who asks. Thread-safe.
class SharedParts {
 public:
  // `make()` gives a Result<std::shared_ptr<T>>.
  template <class T, class Make>
  Result<std::shared_ptr<T>> get(Make&& make) {
    const std::scoped_lock lock(mutex_);
    std::shared_ptr<void>& part = parts_[typeid(T)];
    if (!part) {
      Result<std::shared_ptr<T>> made = make();
      if (!made) return made;
      part = std::move(*made);
    }
    return std::static_pointer_cast<T>(part);
  }

 private:
  std::mutex mutex_;
  std::map<std::type_index, std::shared_ptr<void>> parts_;
};

enum class LogLevel { info, warning, error };

struct Environment {
  Clock* clock = nullptr;
  Disk* disk = &Disk::real();
  int input = 0;  // descriptors of standard input and output
  int output = 1;
  bool allow_exec = false;
  // Batches have the times that the user named: what is published under the name of one is meant to be replaced.
  bool times_named = false;
  std::stop_token stop;        // the run is to end: who waits for what is not there gives up, soon
  std::string working_folder;  // data and state paths are relative to it; empty: the process's own
  std::shared_ptr<BufferPool> buffers = std::make_shared<BufferPool>();
  std::shared_ptr<SpoolPool> spools = std::make_shared<SpoolPool>();
  std::shared_ptr<SharedParts> shared = std::make_shared<SharedParts>();
  std::function<void(LogLevel, const std::string&)> log;
};

}  // namespace streamrun
