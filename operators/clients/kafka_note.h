// What this program notes beside an offset of a group (Kafka's metadata of an offset): the batch that it stands behind.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runner/base/strong_id.h"

namespace streamrun {

std::string note_of_batch(BatchTime batch);
// Nothing: it is none of ours.
std::optional<BatchTime> batch_of_note(std::string_view note);

}  // namespace streamrun
