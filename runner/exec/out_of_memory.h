// Memory may end anywhere. Where a step or an output is run, that is an error like any other, and says whose work it
// was.
#pragma once

#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runner/base/result.h"

namespace streamrun {

inline Error out_of_memory(std::string_view whose) {
  return {std::string(whose) +
          ": out of memory; make batches smaller with `max_batch_bytes` or `max_batch_records`, or allow more of it"};
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
