// Functions of other dialects, and how they are written here.
#pragma once

#include <span>

#include "runner/base/foreign_name.h"

namespace streamrun {

std::span<const ForeignName> foreign_functions();

}  // namespace streamrun
