// Memory may end anywhere. Where a step or an output is run, that is an error like any other, and says whose work it
// was.
#pragma once

#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "runner/base/result.h"

namespace streamrun {

// `holding`: what takes the most of it, where that is known.
inline Error out_of_memory(std::string_view whose, std::string_view holding = {}) {
  std::string message(whose);
  message += ": out of memory";
  if (!holding.empty()) message.append("; ").append(holding);
  message += "; make batches smaller with `max_batch_bytes` or `max_batch_records`, or allow more of it";
  return {std::move(message)};
}

// What `work` gives, or calls `failed` instead.
template <class Work, class Failed>
auto if_memory_lasts(Work&& work, Failed&& failed) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return failed();
  } catch (const std::length_error&) {  // more than any container takes
    return failed();
  }
}

}  // namespace streamrun
