// Which source of a run reads which topic. Two that read one as the same group would each move the other's place, and a
// restart skip what one of them has not read.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "runner/base/result.h"
#include "runner/operator/environment.h"

namespace streamrun {

// Thread-safe.
class KafkaReaders {
 public:
  // The run's one.
  static Result<std::shared_ptr<KafkaReaders>> of(const Environment& environment);
  // An error where another source reads it. `cluster`: an id, since addresses may be spelled in many ways.
  Result<> enter(const std::string& cluster, const std::string& group, const std::string& topic,
                 const std::string& source);

 private:
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, std::string>, std::string> sources_;
};

}  // namespace streamrun
