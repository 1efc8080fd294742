// What becomes of files that are written: options that all of one output share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runner/data/record_framing.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/options.h"

namespace streamrun {

// What is done with a file that is there already.
enum class Exists : std::uint8_t { append, replace, fail };

struct RollOptions {
  std::optional<ByteSize> size;
  std::optional<Duration> interval;
  static const OptionTable& options();
};

struct FileRules {
  Exists exists = Exists::append;
  bool exists_said = false;  // by the user
  Compression compression = Compression::none;
  unsigned mode = 0600;
  std::optional<RollOptions> roll;
  std::string header;     // of a new file
  bool lines = true;      // rows are lines, but for line ends within quotes, if `framing` has these
  RecordFraming framing;  // of the format

  std::optional<std::uint64_t> roll_size() const {
    return roll && roll->size ? std::optional<std::uint64_t>(roll->size->bytes) : std::nullopt;
  }
};

}  // namespace streamrun
