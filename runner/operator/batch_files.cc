// Files of one batch: written as rows come, renamed at the end.
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

  // What this run has published of a batch it may replace, if the batch is run again.
  Exists exists(BatchTime batch, const std::string& path) {
    const std::scoped_lock lock(mutex_);
    const Exists rule = target().rules.exists;
    return rule == Exists::fail && batch == last_ && published_.contains(path) ? Exists::replace : rule;
  }
  void published(BatchTime batch, const std::set<std::string>& paths) {
    if (paths.empty()) return;
    const std::scoped_lock lock(mutex_);
    if (batch != std::exchange(last_, batch)) published_.clear();
    published_.insert(paths.begin(), paths.end());
  }

 private:
  std::mutex mutex_;  // a batch may be staged while the one before is published
  BatchTime last_;
  std::set<std::string> published_;
};

class BatchStage final : public Stage {
 public:
  BatchStage(BatchFileSink& sink, BatchTime batch)
      : sink_(sink), batch_(batch), claims_(sink), most_open_(open_files(sink.target().rules.compression)) {}
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

  // What a former run published of this batch, where this one has fewer parts or no rows at all.
  Result<> remove_former() const {
    const FileTarget& target = sink_.target();
    if (target.rules.exists != Exists::replace) return {};
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
    if (auto claimed = claims_.claim(path, series); !claimed) return pass_on(claimed);
    return &files_.emplace_back(sink_.target().rules, sink_.exists(batch_, path), std::move(place));
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
