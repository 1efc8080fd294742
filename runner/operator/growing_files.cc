// Files that grow: bytes wait in spools for their turn. Where the file is one alone, they go into it as soon as it has
// come, and are cut off again if the batch fails.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "runner/operator/byte_spool.h"
#include "runner/operator/file_sink.h"
#include "runner/operator/growing_file.h"

namespace streamrun {
namespace {

struct WaitingRows {
  WaitingRows(std::string made_by, const std::shared_ptr<SpoolPool>& pool) : route(std::move(made_by)), rows(pool) {}
  std::string route;
  ByteSpool rows;
};
using WaitingFiles = std::map<std::string, WaitingRows>;  // by path of part 0: other values may make the same one

class GrowingSink final : public FileSink {
 public:
  GrowingSink(std::shared_ptr<const FileTarget> target, const Environment& environment)
      : FileSink(std::move(target), environment), spools_(environment.spools) {}

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override;

  // A batch of all files, or nothing of it.
  Result<> publish(BatchTime batch, const WaitingFiles& files) {
    FileChanges changes;
    FileAnnouncements announcements(log(), batch);
    std::map<std::string, GrownFile> grown;
    Result<> done = announce(batch, files, announcements);
    if (!done) return done;
    if (files.empty() && target().writes_empty()) {
      done = append(batch, target().render(batch, {}, 0), {}, nullptr, grown, changes, announcements);
    } else if (files.empty() && target().rules.exists == Exists::replace && !target().path.routes()) {
      const std::string path = target().render(batch, {}, 0);
      done = grown.try_emplace(path, file(path), std::string()).first->second.file.remove_former(place_of(batch, {}));
    }
    for (auto file = files.begin(); done && file != files.end(); ++file) {
      done = append(batch, file->first, file->second.route, &file->second.rows, grown, changes, announcements);
    }
    if (done) return keep(batch, grown);
    const auto undone = changes.undo();
    if (undone) return done;
    return failure(fmt::format("{}; {}", done.error().message, undone.error().message), ErrorKind::fatal);
  }

  const std::shared_ptr<SpoolPool>& spools() const { return spools_; }
  bool drains() const { return !target().path.routes() && !target().rules.roll; }
  GrowingFile file(const std::string& path) const {
    const auto known = files_.find(path);
    return known == files_.end() ? GrowingFile() : known->second;
  }
  GrowingFile::PlaceOf place_of(BatchTime batch, const std::string& route) const {
    return [this, batch, route](std::uint32_t part) { return target().place(folders(), batch, route, part); };
  }
  struct GrownFile {
    GrowingFile file;
    std::string route;
  };
  // What a batch has grown, by path. An error is fatal.
  Result<> keep(BatchTime batch, const std::map<std::string, GrownFile>& grown) {
    std::vector<OutputMark> marks = std::exchange(gone_, {});
    // The path of one moment is not met again.
    if (!grown.empty() && target().path.has_time() && !target().path.routes()) {
      for (const auto& [path, file] : files_) {
        if (!grown.contains(path)) marks.push_back({path, {}});
      }
      files_.clear();
    }
    for (const auto& [path, one] : grown) {
      files_.insert_or_assign(path, one.file);
      if (log() == nullptr) continue;
      const auto mark = one.file.mark(place_of(batch, one.route));
      if (!mark) return failure(mark.error().message, ErrorKind::fatal);
      if (*mark) marks.push_back(to_mark(path, **mark));
    }
    if (log() != nullptr) log()->stand(batch, std::move(marks));
    return {};
  }

 protected:
  Result<> recover() override {
    auto files = recover_logged();
    if (!files) return pass_on(files);
    files_.clear();
    for (const auto& [series, mark] : files->go_on) files_.emplace(series, GrowingFile::go_on(mark));
    gone_ = std::move(files->gone);
    return {};
  }
  bool goes_on_with(const std::string& path) const override { return files_.contains(path); }

 private:
  Result<> append(BatchTime batch, const std::string& path, const std::string& route, const ByteSpool* rows,
                  std::map<std::string, GrownFile>& grown, FileChanges& changes, FileAnnouncements& announcements) {
    // Parts of one file share their state: it goes by the path of part 0.
    return grown.try_emplace(path, file(path), route)
        .first->second.file.append(target().rules, batch, place_of(batch, route), rows, changes, announcements);
  }

  // All files that are new at once: each would cost a sync.
  Result<> announce(BatchTime batch, const WaitingFiles& files, FileAnnouncements& announcements) {
    if (!announcements.wanted()) return {};
    std::vector<std::string> made;
    for (const auto& [path, waiting] : files) {
      if (!file(path).is_new()) continue;
      const FilePlace place = target().place(folders(), batch, waiting.route, 0);
      const auto folder = place.open();
      if (!folder) return pass_on(folder);
      const auto there = (*folder)->has_file(place.name);
      if (!there) return pass_on(there);
      if (!*there) made.push_back(place.path());
    }
    return announcements.will_make(made);
  }

  std::shared_ptr<SpoolPool> spools_;
  std::map<std::string, GrowingFile> files_;  // by path of part 0
  std::vector<OutputMark> gone_;              // to be told with the next batch
};

class GrowingStage final : public Stage {
 public:
  GrowingStage(GrowingSink& sink, BatchTime batch)
      : sink_(sink), batch_(batch), claims_(sink.target(), sink.folders()) {}
  ~GrowingStage() override { discard(); }

  Result<> append(StagedRows&& rows) override {
    const std::string path = sink_.target().render(batch_, rows.route, 0);
    auto waiting = waiting_.find(path);
    if (waiting == waiting_.end()) {
      if (auto claimed = sink_.claims(claims_).claim(path, path); !claimed) return claimed;
      waiting = waiting_.try_emplace(path, rows.route, sink_.spools()).first;
    }
    return waiting->second.rows.append(std::move(rows.bytes));
  }

  Result<> publish() override {
    if (!draining_) return sink_.publish(batch_, waiting_);
    auto done = drain();
    if (done) done = draining_->writing->close();
    if (!done) return give_up(done.error());
    auto kept = sink_.keep(batch_, {{draining_->path, {draining_->file, {}}}});
    draining_.reset();
    waiting_.clear();
    return kept;
  }

  void discard() override {
    if (draining_) {
      if (auto undone = undo(); !undone) sink_.folders().warn(undone.error().message);
    }
    waiting_.clear();
  }

  std::size_t drainable() const override {
    return sink_.drains() && !waiting_.empty() ? waiting_.begin()->second.rows.size() : 0;
  }

  Result<> drain() override {
    if (!draining_) {
      if (auto begun = begin_draining(); !begun) return begun;
    }
    for (auto& [path, waiting] : waiting_) {
      auto written = waiting.rows.read([&](std::string_view bytes) { return draining_->writing->add(bytes); });
      if (!written) return give_up(written.error());
      waiting.rows.clear();
    }
    return {};
  }

 private:
  struct Draining {
    Draining(const GrowingSink& sink, BatchTime batch, std::string rendered)
        : path(std::move(rendered)),
          file(sink.file(path)),
          place_of(sink.place_of(batch, {})),
          announcements(sink.log(), batch) {
      writing.emplace(file, sink.target().rules, batch, place_of, changes, announcements);
    }
    std::string path;
    GrowingFile file;
    GrowingFile::PlaceOf place_of;
    FileChanges changes;
    FileAnnouncements announcements;
    std::optional<GrowingFile::Writing> writing;
  };

  Result<> begin_draining() {
    draining_ = std::make_unique<Draining>(sink_, batch_, sink_.target().render(batch_, {}, 0));
    auto opened = draining_->writing->open();
    if (!opened) draining_.reset();
    return opened;
  }

  // What has gone into the file is kept nowhere else: it cannot be tried again.
  Result<> give_up(const Error& error) {
    auto undone = undo();
    return failure(undone ? error.message : fmt::format("{}; {}", error.message, undone.error().message),
                   ErrorKind::fatal);
  }

  Result<> undo() {
    auto done = draining_->writing->cancel();
    auto undone = draining_->changes.undo();
    draining_.reset();
    return done ? undone : done;
  }

  GrowingSink& sink_;
  BatchTime batch_;
  FileClaims claims_;
  WaitingFiles waiting_;
  std::unique_ptr<Draining> draining_;
};

Result<std::unique_ptr<Stage>> GrowingSink::stage(BatchTime batch) {
  return std::make_unique<GrowingStage>(*this, batch);
}

}  // namespace

std::unique_ptr<Sink> make_growing_file_sink(std::shared_ptr<const FileTarget> target, const Environment& environment) {
  return std::make_unique<GrowingSink>(std::move(target), environment);
}

}  // namespace streamrun
