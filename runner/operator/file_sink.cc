#include "runner/operator/file_sink.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "runner/operator/appended_file.h"
#include "runner/operator/row_frames.h"
#include "runner/operator/temporary_file.h"
#include "runner/operator/undo_note.h"

namespace streamrun {
namespace {

// Of all file systems in use, and of the system calls that open a file.
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestPath = 4095;
constexpr std::size_t kShownBytes = 40;

}  // namespace

FileSink::FileSink(std::shared_ptr<const FileTarget> target, const Environment& environment)
    : target_(std::move(target)), working_folder_(environment.working_folder) {
  folders_ = std::make_shared<OutputFolders>(environment, target_->rules.mode, [this](const OutputFolder& folder) {
    remove_abandoned(folder, folders_->files()->names());
    cut_back_abandoned(folder, *folders_);
  });
  claims_.emplace(*target_, *folders_);
}

Result<> FileSink::start(OutputLog* log) {
  log_ = log;
  const std::size_t levels = target_->path.varying_folders(target_->output);
  if (levels != 0) folders_->tidy_below(std::string(target_->path.literal_folder()), levels);
  if (log_ != nullptr) {
    if (auto recovered = recover(); !recovered) return recovered;
  }
  if (target_->path.routes() || target_->path.has_time()) return {};
  const FilePlace place = target_->place(*folders_, BatchTime(0), {}, 0);
  const auto folder = place.open();
  if (!folder) return pass_on(folder);
  const auto there = (*folder)->has_file(place.name);
  if (!there) return pass_on(there);
  const bool fails = *there && target_->rules.exists == Exists::fail && !goes_on_with(place.path());
  return fails ? exists_failure(place, target_->rules) : Result<>{};
}

Result<RecoveredFiles> FileSink::recover_logged() const {
  const std::size_t fixed = target_->path.routes() ? target_->path.literal_folder().size() : std::string::npos;
  return recover_files(*log_, [&](const std::string& path) { return folders_->find(path, fixed); }, *folders_);
}

void FileSink::encode(const RecordBatch& batch, KernelContext& context, std::vector<StagedRows>& out) const {
  const std::vector<ColumnPtr> picked = target_->encoder->pick(batch);
  if (!target_->path.routes()) return stage_rows(picked, batch.selection, {}, out);
  // Rows of one route together, routes in the order in which they first occur.
  struct Route {
    std::string text;
    std::vector<std::uint32_t> rows;
    std::optional<std::string> fault;
  };
  std::unordered_map<std::string, std::size_t> known;
  std::vector<Route> routes;
  std::string route;
  std::size_t at = 0;
  batch.selection.for_each([&](std::uint32_t row) {
    route.clear();
    target_->path.route_of(batch.columns, row, batch.partition, route);
    if (routes.empty() || route != routes[at].text) {
      const auto [found, fresh] = known.try_emplace(route, routes.size());
      if (fresh) routes.push_back({route, {}, impossible(target_->render(context.eval.batch, route, 0))});
      at = found->second;
    }
    if (routes[at].fault) {
      context.eval.errors.add(row, *routes[at].fault);
    } else {
      routes[at].rows.push_back(row);
    }
  });
  for (Route& one : routes) stage_rows(picked, Selection::of(std::move(one.rows)), std::move(one.text), out);
}

// Where a file rolls by size, rows must be told apart.
void FileSink::stage_rows(const std::vector<ColumnPtr>& picked, const Selection& rows, std::string route,
                          std::vector<StagedRows>& out) const {
  if (rows.empty()) return;
  StagedRows& staged = out.emplace_back(std::move(route), std::string(), rows.count());
  if (!target_->rules.roll_size()) return target_->encoder->encode(picked, rows, staged.bytes);
  rows.for_each([&](std::uint32_t row) {
    append_frame(staged.bytes, [&](std::string& to) { target_->encoder->encode(picked, Selection::of({row}), to); });
  });
}

// Why rows' own values make a path that no file can have.
std::optional<std::string> FileSink::impossible(const std::string& path) const {
  if (target_->path.columns().empty()) return std::nullopt;
  if (path.size() > kLongestPath) {
    return fmt::format("the path '{}…' has {} bytes, and {} are the most", path.substr(0, kShownBytes), path.size(),
                       kLongestPath);
  }
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    if (name.size() > kLongestName) {
      return fmt::format("the name '{}…' in the path has {} bytes, and {} are the most", name.substr(0, kShownBytes),
                         name.size(), kLongestName);
    }
    if (is_temporary_name(name) || is_note_name(name)) {
      return fmt::format("the name '{}' is like that of an unfinished file", name);
    }
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
  }
  if (auto fault = folders_->read_fault(path)) return fault;
  return taken(path);
}

// What stands where a file or one of its folders would have to be.
std::optional<std::string> FileSink::taken(const std::string& path) const {
  for (std::size_t end = target_->path.literal_folder().size(); end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    const bool last = end == path.size();
    const std::string part = path.substr(0, end);
    struct stat status{};
    if (::lstat(below_folder(working_folder_, part).c_str(), &status) != 0) return std::nullopt;
    if (last ? S_ISREG(status.st_mode) : S_ISDIR(status.st_mode)) continue;
    return fmt::format("'{}' is {}, where {} would have to be", part,
                       S_ISDIR(status.st_mode)   ? "a folder"
                       : S_ISREG(status.st_mode) ? "a file"
                       : S_ISLNK(status.st_mode) ? "a symbolic link"
                                                 : "no plain file",
                       last ? "a file" : "a folder");
  }
  return std::nullopt;
}

FileClaims::~FileClaims() {
  for (const std::string& path : paths_) files_->release(path);
}

Result<> FileClaims::claim(const std::string& path, const std::string& series) {
  const std::scoped_lock lock(mutex_);
  if (paths_.contains(path)) return {};
  auto claimed = files_->claim(path, {output_, series});
  if (claimed) paths_.insert(path);
  return claimed;
}

}  // namespace streamrun
