#include "runner/operator/written_files.h"

#include <fmt/format.h>

#include <filesystem>

namespace streamrun {
namespace {

std::string normal(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

}  // namespace

std::shared_ptr<WrittenFiles> WrittenFiles::of(const Environment& environment) {
  return *environment.shared->get<WrittenFiles>(
      [&]() -> Result<std::shared_ptr<WrittenFiles>> { return std::make_shared<WrittenFiles>(*environment.disk); });
}

Result<> WrittenFiles::claim(const std::string& path, const Writer& writer) {
  const std::scoped_lock lock(mutex_);
  Claim& claim = claims_.try_emplace(normal(path), Claim{writer, 0}).first->second;
  if (claim.writer == writer) {
    ++claim.times;
    return {};
  }
  if (claim.writer.output == writer.output) {
    return failure(
        fmt::format("'{}' would be a part of '{}' and of '{}'; set {{part}} apart in `path` by more than its number",
                    path, claim.writer.series, writer.series),
        ErrorKind::fatal);
  }
  return failure(fmt::format("outputs '{}' and '{}' would both write '{}'; set their paths apart, with {{output}}",
                             claim.writer.output, writer.output, path),
                 ErrorKind::fatal);
}

void WrittenFiles::release(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const auto found = claims_.find(normal(path));
  if (found != claims_.end() && --found->second.times == 0) claims_.erase(found);
}

}  // namespace streamrun
