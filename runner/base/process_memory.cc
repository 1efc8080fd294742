#include "runner/base/process_memory.h"

#include <malloc.h>

namespace streamrun {

void keep_freed_memory() {
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_TOP_PAD, 1 << 20);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

}  // namespace streamrun
