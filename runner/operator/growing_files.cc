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
      : FileSink(std::move(target), environment), spools_(environment.spools), claims_(*this) {}

  Result<> start() override {
    if (auto started = FileSink::start(); !started) return started;
    // A path that is the same in every batch can be judged at once.
    if (target().path.routes() || target().path.has_time()) return {};
    const FilePlace place = target().place(folders(), BatchTime(0), {}, 0);
    const auto folder = place.open();
    if (!folder) return pass_on(folder);
    const auto there = (*folder)->has_file(place.name);
    if (!there) return pass_on(there);
    return *there && target().rules.exists == Exists::fail ? exists_failure(place, target().rules) : Result<>{};
  }

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override;

  // A batch of all files, or nothing of it.
  Result<> publish(BatchTime batch, const WaitingFiles& files) {
    FileChanges changes;
    std::map<std::string, GrowingFile> grown;
    Result<> done;
    if (files.empty() && target().writes_empty()) {
      done = append(batch, target().render(batch, {}, 0), {}, nullptr, grown, changes);
    } else if (files.empty() && target().rules.exists == Exists::replace && !target().path.routes()) {
      const std::string path = target().render(batch, {}, 0);
      done = grown.try_emplace(path, file(path)).first->second.remove_former(place_of(batch, {}));
    }
    for (auto file = files.begin(); done && file != files.end(); ++file) {
      done = append(batch, file->first, file->second.route, &file->second.rows, grown, changes);
    }
    if (done) {
      keep(grown);
      return {};
    }
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
  // What a batch has grown, by path.
  void keep(const std::map<std::string, GrowingFile>& grown) {
    // The path of one moment is not met again.
    if (target().path.has_time() && !target().path.routes()) files_.clear();
    for (const auto& [path, file] : grown) files_.insert_or_assign(path, file);
  }
  // A path that batches share is this output's for the whole run.
  FileClaims& claims(FileClaims& of_batch) { return target().path.has_time() ? of_batch : claims_; }

 private:
  Result<> append(BatchTime batch, const std::string& path, const std::string& route, const ByteSpool* rows,
                  std::map<std::string, GrowingFile>& grown, FileChanges& changes) {
    // Parts of one file share their state: it goes by the path of part 0.
    return grown.try_emplace(path, file(path))
        .first->second.append(target().rules, batch, place_of(batch, route), rows, changes);
  }

  std::shared_ptr<SpoolPool> spools_;
  FileClaims claims_;
  std::map<std::string, GrowingFile> files_;  // by path of part 0
};

class GrowingStage final : public Stage {
 public:
  GrowingStage(GrowingSink& sink, BatchTime batch) : sink_(sink), batch_(batch), claims_(sink) {}
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
    sink_.keep({{draining_->path, draining_->file}});
    draining_.reset();
    waiting_.clear();
    return {};
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
    std::string path;
    GrowingFile file;
    GrowingFile::PlaceOf place_of;
    FileChanges changes;
    std::optional<GrowingFile::Writing> writing;
  };

  Result<> begin_draining() {
    draining_ = std::make_unique<Draining>();
    draining_->path = sink_.target().render(batch_, {}, 0);
    draining_->file = sink_.file(draining_->path);
    draining_->place_of = sink_.place_of(batch_, {});
    draining_->writing.emplace(draining_->file, sink_.target().rules, batch_, draining_->place_of, draining_->changes);
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
