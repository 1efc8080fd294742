// What an output gives in a test, in place of where it would write it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runner/base/units.h"
#include "runner/config/pipeline_spec.h"
#include "runner/operator/sink.h"

namespace streamrun {

using RowsByBatch = std::vector<std::vector<std::string>>;  // as JSON a row

struct Capture {
  const TestSpec::Expected* expected = nullptr;
  Duration interval{0};
  RowsByBatch got;
  RowsByBatch wanted;
};

// A sink that fills `capture`, which outlives it; what is expected of it is read. Nothing: diagnosed.
std::optional<BoundSink> bind_capture(Capture& capture, SinkBindContext& context);

}  // namespace streamrun
