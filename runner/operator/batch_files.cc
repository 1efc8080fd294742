// Files of one batch, or that each batch replaces: written as rows come, renamed at the end.
#include <fcntl.h>

#include <deque>
#include <set>
#include <unordered_map>
#include <utility>

#include "runner/operator/file_sink.h"
#include "runner/operator/row_frames.h"
#include "runner/operator/temporary_file.h"

namespace streamrun {
namespace {

// Files that may be open at once; a compressor of zstd takes some MiB.
std::size_t open_files(Compression compression) {
  return descriptors_to_keep(compression == Compression::zstd ? 8 : 64);
}

class BatchFileSink final : public FileSink {
 public:
  using FileSink::FileSink;

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override;

  // What this run has published it may replace: of the batch that is run again, or of all that write the same file.
  Exists exists(BatchTime batch, const std::string& path) {
    const Exists rule = target().rules.exists;
    if (rule != Exists::fail) return rule;
    // A former run's, like this one's.
    if (target().replaced && log() != nullptr && (log()->goes_on() || log()->again_until())) return Exists::replace;
    const std::scoped_lock lock(mutex_);
    // The first batch that writes a path is published before the next one.
    const bool ours = target().replaced ? !own_.insert(path).second : batch == last_ && own_.contains(path);
    return ours ? Exists::replace : rule;
  }
  void published(BatchTime batch, const std::set<std::string>& paths) {
    if (paths.empty() || target().replaced || target().rules.exists != Exists::fail) return;
    const std::scoped_lock lock(mutex_);
    if (batch != std::exchange(last_, batch)) own_.clear();
    own_.insert(paths.begin(), paths.end());
  }

 protected:
  // Files of a batch have names of their own, and what comes again replaces what was there: only rows behind another's
  // are to be cut off.
  Result<> recover() override {
    const auto files = recover_logged();
    return files ? Result<>{} : pass_on(files);
  }
  bool goes_on_with(const std::string&) const override { return log()->again_until() || log()->goes_on(); }

 private:
  std::mutex mutex_;  // a batch may be staged while the one before is published
  BatchTime last_;
  std::set<std::string> own_;  // paths of this run's files, as far as the rule asks for them
};

class BatchStage final : public Stage {
 public:
  BatchStage(BatchFileSink& sink, BatchTime batch)
      : sink_(sink),
        batch_(batch),
        claims_(sink.target(), sink.folders()),
        most_open_(open_files(sink.target().rules.compression)) {}
  ~BatchStage() override { discard(); }

  Result<> append(StagedRows&& rows) override {
    // By path: other values may make the same one.
    const std::string path = sink_.target().render(batch_, rows.route, 0);
    Part& part = parts_.try_emplace(path, nullptr, 0, rows.route).first->second;
    if (!sink_.target().rules.roll_size()) return add(part, path, rows.route, rows.bytes);
    std::size_t taken = 0;
    auto done = FrameReader().read(rows.bytes, [&](std::string_view row) {
      auto added = add(part, path, rows.route, row);
      if (added) taken += frame_size(row);
      return added;
    });
    if (!done) rows.bytes.erase(0, taken);
    return done;
  }

  Result<> publish() override {
    if (done_) return {};
    if (files_.empty() && sink_.target().writes_empty()) {
      if (const auto made = make({}, 0, sink_.target().render(batch_, {}, 0)); !made) return pass_on(made);
    }
    // What cannot be written is known before anything is seen.
    for (TemporaryFile& file : files_) {
      if (auto complete = file.complete(); !complete) return complete;
    }
    if (auto left = check_left(); !left) return left;
    if (auto told = announce(); !told) return told;
    std::set<std::string> paths;
    std::unordered_map<std::string, const FilePlace*> folders;
    for (TemporaryFile& file : files_) {
      if (auto renamed = file.rename(); !renamed) return renamed;
      folders.emplace(file.place().folder, &file.place());
      paths.insert(file.place().path());
    }
    if (auto removed = remove_former(); !removed) return removed;
    for (const auto& [path, place] : folders) {
      const auto folder = place->open();
      if (!folder) return pass_on(folder);
      if (auto synced = (*folder)->sync(); !synced) return synced;
    }
    sink_.published(batch_, paths);
    done_ = true;
    return {};
  }

  void discard() override {
    if (done_) return;
    for (TemporaryFile& file : files_) file.discard();
    files_.clear();
    parts_.clear();
  }

 private:
  struct Part {
    TemporaryFile* file = nullptr;
    std::uint32_t number = 0;
    std::string route = {};
  };

  // What a former run published of this batch, and it no longer has.
  Result<> check_left() const {
    const FileTarget& target = sink_.target();
    if (!sink_.comes_again(batch_) || target.rules.exists != Exists::fail || target.replaced || target.path.routes() ||
        (!files_.empty() && !target.rules.roll)) {
      return {};
    }
    const FilePlace place = target.place(sink_.folders(), batch_, {}, static_cast<std::uint32_t>(files_.size()));
    if (!place.folders->has(place.folder)) return {};
    const auto folder = place.open();
    if (!folder) return pass_on(folder);
    const auto there = (*folder)->has_file(place.name);
    if (!there) return pass_on(there);
    return *there ? other_failure(place) : Result<>{};
  }

  // Where rows go behind another's.
  Result<> announce() {
    if (sink_.log() == nullptr || sink_.target().rules.exists != Exists::append) return {};
    FileAnnouncements announcements(sink_.log(), batch_);
    std::vector<std::string> made;
    for (const TemporaryFile& file : files_) {
      const auto folder = file.place().open();
      if (!folder) return pass_on(folder);
      const auto there = (*folder)->has_file(file.place().name);
      if (!there) return pass_on(there);
      if (!*there) {
        made.push_back(file.place().path());
        continue;
      }
      const auto opened = (*folder)->open_file(file.place().name, O_RDONLY);
      if (!opened) return pass_on(opened);
      const auto size = file_size(*opened, file.place().path());
      if (!size) return pass_on(size);
      if (auto told = announcements.will_grow(file.place().path(), *size); !told) return told;
    }
    return announcements.will_make(made);
  }

  // What a former run published of this batch, where this one has fewer parts or no rows at all.
  Result<> remove_former() const {
    const FileTarget& target = sink_.target();
    // A batch without rows leaves what the last one that had some has put in its place.
    if (target.rules.exists != Exists::replace || target.replaced) return {};
    const auto remove_behind = [&](const std::string& route, std::size_t parts) {
      return remove_parts([&](std::uint32_t part) { return target.place(sink_.folders(), batch_, route, part); },
                          static_cast<std::uint32_t>(parts));
    };
    if (!target.path.routes())
      return files_.empty() || target.rules.roll ? remove_behind({}, files_.size()) : Result<>{};
    if (!target.rules.roll) return {};
    for (const auto& [path, part] : parts_) {
      if (auto removed = remove_behind(part.route, part.number + 1); !removed) return removed;
    }
    return {};
  }

  // All of `bytes`, or nothing.
  Result<> add(Part& part, const std::string& series, const std::string& route, std::string_view bytes) {
    const auto limit = sink_.target().rules.roll_size();
    if (part.file != nullptr && limit && part.file->size() >= *limit) {
      if (auto rested = part.file->rest(); !rested) return rested;
      part.file = nullptr;
      ++part.number;
    }
    if (part.file == nullptr) {
      const auto made = make(route, part.number, series);
      if (!made) return pass_on(made);
      part.file = *made;
    }
    if (!part.file->is_open()) {
      if (opened_ >= most_open_) {
        if (auto rested = rest_all(); !rested) return rested;
      }
      ++opened_;
    }
    return part.file->add(bytes);
  }

  Result<TemporaryFile*> make(const std::string& route, std::uint32_t part, const std::string& series) {
    FilePlace place = sink_.target().place(sink_.folders(), batch_, route, part);
    const std::string path = place.path();
    if (auto claimed = sink_.claims(claims_).claim(path, series); !claimed) return pass_on(claimed);
    return &files_.emplace_back(sink_.target().rules, sink_.exists(batch_, path), std::move(place),
                                sink_.comes_again(batch_));
  }

  Result<> rest_all() {
    for (TemporaryFile& file : files_) {
      if (auto rested = file.rest(); !rested) return rested;
    }
    opened_ = 0;
    return {};
  }

  BatchFileSink& sink_;
  BatchTime batch_;
  FileClaims claims_;
  std::deque<TemporaryFile> files_;
  std::unordered_map<std::string, Part> parts_;  // by path of part 0
  std::size_t most_open_;
  std::size_t opened_ = 0;
  bool done_ = false;
};

Result<std::unique_ptr<Stage>> BatchFileSink::stage(BatchTime batch) {
  return std::make_unique<BatchStage>(*this, batch);
}

}  // namespace

std::unique_ptr<Sink> make_batch_file_sink(std::shared_ptr<const FileTarget> target, const Environment& environment) {
  return std::make_unique<BatchFileSink>(std::move(target), environment);
}

}  // namespace streamrun
