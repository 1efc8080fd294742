#include "runner/exec/held_rows.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace streamrun {

Result<> HeldRows::add(PartitionIndex partition, StagedRows&& rows) {
  Partition& held = partitions_.try_emplace(partition, spools_).first->second;
  const std::size_t size = rows.bytes.size();
  if (Result<> kept = held.bytes.append(std::move(rows.bytes)); !kept) return kept;
  held.pieces.push_back({std::move(rows.route), size, rows.rows});
  return {};
}

Result<> HeldRows::release(const std::function<Result<>(StagedRows&&)>& take) {
  for (auto& [index, held] : partitions_) {
    std::size_t at = 0;
    StagedRows next;
    // The spool gives its bytes back in pieces of its own: those that came are put together again.
    const auto give_complete = [&]() -> Result<> {
      while (at != held.pieces.size() && next.bytes.size() == held.pieces[at].size) {
        next.route = std::move(held.pieces[at].route);
        next.rows = held.pieces[at].rows;
        ++at;
        if (Result<> taken = take(std::exchange(next, StagedRows())); !taken) return taken;
      }
      return {};
    };
    Result<> done = give_complete();
    if (done) {
      done = held.bytes.read([&](std::string_view bytes) -> Result<> {
        while (!bytes.empty()) {
          const std::size_t part = std::min(bytes.size(), held.pieces[at].size - next.bytes.size());
          next.bytes.append(bytes.substr(0, part));
          bytes.remove_prefix(part);
          if (Result<> given = give_complete(); !given) return given;
        }
        return {};
      });
    }
    if (!done) return done;
    held.bytes.clear();
  }
  partitions_.clear();
  return {};
}

}  // namespace streamrun
