// Morsels of lines as bytes, for a log, and back.
#pragma once

#include <string>

#include "runner/base/result.h"
#include "runner/operator/source.h"

namespace streamrun {

// Of records whose origin is a LineOrigin.
std::string morsel_to_bytes(const Morsel& morsel);
// The morsel keeps the bytes.
Result<> morsel_from_bytes(std::string bytes, Morsel& morsel);

}  // namespace streamrun
