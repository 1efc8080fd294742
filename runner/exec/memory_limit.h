// How much memory this process may use.
#pragma once

#include <cstdint>
#include <filesystem>

namespace streamrun {

// In bytes; all bits set: no limit.
struct ProcessLimits {
  std::uint64_t machine = ~std::uint64_t{0};        // physical memory
  std::uint64_t address_space = ~std::uint64_t{0};  // RLIMIT_AS
  std::uint64_t data = ~std::uint64_t{0};           // RLIMIT_DATA
};
ProcessLimits process_limits();

// The least of the machine's memory, of what its control groups allow, those they are nested in included (version 2:
// memory.max and memory.high; version 1: memory.limit_in_bytes), and of what the process's own limits leave beside what
// it has mapped already. `root`: where /proc and the mount points are.
std::uint64_t usable_memory(const ProcessLimits& limits, const std::filesystem::path& root = "/");
// `memory` where the pipeline does not say it: half of that, in whole MiB.
std::uint64_t default_memory(std::uint64_t usable);

}  // namespace streamrun
