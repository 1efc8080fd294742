// Files: one for each batch, which appears whole or not at all, or one that grows.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "operators/builtin_catalog.h"
#include "runner/operator/growing_file.h"
#include "runner/operator/hidden_file.h"
#include "runner/operator/path_pattern.h"
#include "runner/operator/row_encoder.h"
#include "runner/operator/row_frames.h"
#include "runner/operator/sink.h"

namespace streamrun {
namespace {

enum class Empty { skip, write };

}  // namespace

template <>
struct EnumNames<Exists> {
  static constexpr std::pair<std::string_view, Exists> names[] = {
      {"append", Exists::append}, {"replace", Exists::replace}, {"fail", Exists::fail}};
};
template <>
struct EnumNames<Empty> {
  static constexpr std::pair<std::string_view, Empty> names[] = {{"skip", Empty::skip}, {"write", Empty::write}};
};
template <>
struct EnumNames<Compression> {
  static constexpr std::pair<std::string_view, Compression> names[] = {
      {"none", Compression::none}, {"gzip", Compression::gzip}, {"zstd", Compression::zstd}, {"lz4", Compression::lz4}};
};

const OptionTable& RollOptions::options() {
  static const OptionTable table = Options<RollOptions>{}
                                       .optional("size", &RollOptions::size, "", "a part ends past this size")
                                       .optional("interval", &RollOptions::interval, "", "a part ends after this time")
                                       .table();
  return table;
}

namespace {

struct FileOptions {
  Located<std::string> path;
  std::optional<Exists> exists;
  Empty empty = Empty::skip;
  Compression compression = Compression::none;
  std::optional<LocatedText> mode;
  std::optional<RollOptions> roll;
};

// Const, shared.
struct Target {
  std::string output;
  PathPattern path;
  FileRules rules;
  Empty empty = Empty::skip;
  std::shared_ptr<const RowEncoder> encoder;

  std::string render(BatchTime batch, std::string_view route, std::uint32_t part) const {
    return path.render(batch, output, route, part);
  }
  // What only a row's value can change is walked without following links.
  Result<FilePlace> place(OutputFolders& folders, BatchTime batch, std::string_view route, std::uint32_t part) const {
    return folders.find(render(batch, route, part), path.routes() ? path.literal_folder().size() : std::string::npos);
  }
  // A file although there are no rows.
  bool writes_empty() const { return empty == Empty::write && !path.routes(); }
  // Files that may be open at once; a compressor of zstd takes some MiB.
  std::size_t open_files() const { return rules.compression == Compression::zstd ? 8 : 64; }
};

// One file a batch (and route and part): written as rows come, renamed at the end.
class BatchStage final : public Stage {
 public:
  BatchStage(std::shared_ptr<const Target> target, std::shared_ptr<OutputFolders> folders, BatchTime batch)
      : target_(std::move(target)), folders_(std::move(folders)), batch_(batch) {}
  ~BatchStage() override { discard(); }

  Result<> append(StagedRows&& rows) override {
    // By path: other values may make the same one.
    Part& part = parts_[target_->render(batch_, rows.route, 0)];
    if (!target_->rules.roll_size()) return add(part, rows.route, rows.bytes);
    FrameReader frames;
    return frames.read(rows.bytes, [&](std::string_view row) { return add(part, rows.route, row); });
  }

  Result<> publish() override {
    if (files_.empty() && target_->writes_empty()) {
      if (const auto made = make({}, 0); !made) return pass_on(made);
    }
    // What cannot be written is known before anything is seen.
    for (HiddenFile& file : files_) {
      if (auto complete = file.complete(); !complete) return complete;
    }
    std::set<std::shared_ptr<OutputFolder>> folders;
    for (HiddenFile& file : files_) {
      if (auto visible = file.reveal(); !visible) return visible;
      folders.insert(file.folder());
    }
    for (const auto& folder : folders) {
      if (auto synced = folder->sync(); !synced) return synced;
    }
    return {};
  }

  void discard() override {
    for (HiddenFile& file : files_) file.discard();
    files_.clear();
    parts_.clear();
  }

 private:
  struct Part {
    HiddenFile* file = nullptr;
    std::uint32_t number = 0;
  };

  Result<> add(Part& part, const std::string& route, std::string_view bytes) {
    const auto limit = target_->rules.roll_size();
    if (part.file != nullptr && limit && part.file->size() >= *limit) {
      if (auto rested = part.file->rest(); !rested) return rested;
      part.file = nullptr;
      ++part.number;
    }
    if (part.file == nullptr) {
      const auto made = make(route, part.number);
      if (!made) return pass_on(made);
      part.file = *made;
    }
    if (!part.file->is_open() && ++opened_ > target_->open_files()) {
      if (auto rested = rest_all(); !rested) return rested;
    }
    return part.file->add(bytes);
  }

  Result<HiddenFile*> make(const std::string& route, std::uint32_t part) {
    auto place = target_->place(*folders_, batch_, route, part);
    if (!place) return pass_on(place);
    return &files_.emplace_back(target_->rules, std::move(*place));
  }

  Result<> rest_all() {
    opened_ = 1;
    for (HiddenFile& file : files_) {
      if (auto rested = file.rest(); !rested) return rested;
    }
    return {};
  }

  std::shared_ptr<const Target> target_;
  std::shared_ptr<OutputFolders> folders_;
  BatchTime batch_;
  std::deque<HiddenFile> files_;
  std::unordered_map<std::string, Part> parts_;
  std::size_t opened_ = 0;
};

class FileSink : public Sink {
 public:
  FileSink(std::shared_ptr<const Target> target, const Environment& environment)
      : target_(std::move(target)),
        spools_(environment.spools),
        folders_(std::make_shared<OutputFolders>(environment.working_folder, target_->rules.mode)) {}

  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    const std::vector<ColumnPtr> picked = target_->encoder->pick(batch);
    if (!target_->path.routes()) return stage_rows(picked, batch.selection, {}, out);
    // Rows of one route together, routes in the order in which they first occur.
    std::unordered_map<std::string, std::size_t> known;
    std::vector<std::vector<std::uint32_t>> rows;
    std::vector<std::string> routes;
    std::string route;
    std::string last;
    std::size_t at = 0;
    batch.selection.for_each([&](std::uint32_t row) {
      route.clear();
      target_->path.route_of(batch.columns, row, batch.partition, route);
      if (rows.empty() || route != last) {
        const auto [found, fresh] = known.try_emplace(route, rows.size());
        if (fresh) {
          rows.emplace_back();
          routes.push_back(route);
        }
        at = found->second;
        last = route;
      }
      rows[at].push_back(row);
    });
    for (std::size_t i = 0; i < rows.size(); ++i) {
      stage_rows(picked, Selection::of(std::move(rows[i])), std::move(routes[i]), out);
    }
  }

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override {
    return std::make_unique<BatchStage>(target_, folders_, batch);
  }

 protected:
  std::shared_ptr<const Target> target_;
  std::shared_ptr<SpoolPool> spools_;
  std::shared_ptr<OutputFolders> folders_;

 private:
  // Where a file rolls by size, rows must be told apart.
  void stage_rows(const std::vector<ColumnPtr>& picked, const Selection& rows, std::string route,
                  std::vector<StagedRows>& out) const {
    if (rows.empty()) return;
    StagedRows& staged = out.emplace_back(std::move(route), std::string(), rows.count());
    if (!target_->rules.roll_size()) return target_->encoder->encode(picked, rows, staged.bytes);
    rows.for_each([&](std::uint32_t row) {
      append_frame(staged.bytes, [&](std::string& to) { target_->encoder->encode(picked, Selection::of({row}), to); });
    });
  }
};

class GrowingSink;

// A file that grows: bytes wait in spools for their turn. Where the file is one alone, they go into it as soon as it
// has come, and are cut off again if the batch fails.
class GrowingStage final : public Stage {
 public:
  GrowingStage(GrowingSink& sink, BatchTime batch) : sink_(sink), batch_(batch) {}
  ~GrowingStage() override { discard(); }
  Result<> append(StagedRows&& rows) override;
  Result<> publish() override;
  void discard() override;
  std::size_t drainable() const override;
  Result<> drain() override;

 private:
  struct Draining {
    std::string path;
    GrowingFile file;
    GrowingFile::PlaceOf place_of;
    FileChanges changes;
    std::optional<GrowingFile::Writing> writing;
  };
  Result<> begin_draining();

  GrowingSink& sink_;
  BatchTime batch_;
  std::map<std::string, ByteSpool> spools_;  // by route
  std::unique_ptr<Draining> draining_;
};

class GrowingSink final : public FileSink {
 public:
  using FileSink::FileSink;

  Result<> start() override {
    // A path that is the same in every batch can be judged at once.
    if (target_->path.routes() || target_->path.has_time()) return {};
    auto place = target_->place(*folders_, BatchTime(0), {}, 0);
    if (!place) return pass_on(place);
    const auto there = place->folder->has_file(place->name);
    if (!there) return pass_on(there);
    return *there && target_->rules.exists == Exists::fail ? place->exists_failure() : Result<>{};
  }

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override {
    return std::make_unique<GrowingStage>(*this, batch);
  }

  // A batch of all routes, or nothing of it.
  Result<> publish(BatchTime batch, const std::map<std::string, ByteSpool>& spools) {
    FileChanges changes;
    std::map<std::string, GrowingFile> grown;
    Result<> done;
    if (spools.empty() && target_->writes_empty()) done = append(batch, {}, nullptr, grown, changes);
    for (auto spool = spools.begin(); done && spool != spools.end(); ++spool) {
      done = append(batch, spool->first, &spool->second, grown, changes);
    }
    if (!done) {
      changes.undo();
      return done;
    }
    keep(grown);
    return {};
  }

  const std::shared_ptr<SpoolPool>& spools() const { return spools_; }
  const Target& target() const { return *target_; }
  bool drains() const { return !target_->path.routes() && !target_->rules.roll; }
  GrowingFile file(const std::string& path) const {
    const auto known = files_.find(path);
    return known == files_.end() ? GrowingFile() : known->second;
  }
  GrowingFile::PlaceOf place_of(BatchTime batch, const std::string& route) const {
    return [this, batch, route](std::uint32_t part) { return target_->place(*folders_, batch, route, part); };
  }
  // What a batch has grown, by path.
  void keep(const std::map<std::string, GrowingFile>& grown) {
    // The path of one moment is not met again.
    if (target_->path.has_time() && !target_->path.routes()) files_.clear();
    for (const auto& [path, file] : grown) files_.insert_or_assign(path, file);
  }

 private:
  Result<> append(BatchTime batch, const std::string& route, const ByteSpool* rows,
                  std::map<std::string, GrowingFile>& grown, FileChanges& changes) {
    // Parts of one file share their state: it goes by the path of part 0. Other values may make the same path.
    const std::string path = target_->render(batch, route, 0);
    return grown.try_emplace(path, file(path))
        .first->second.append(target_->rules, batch, place_of(batch, route), rows, changes);
  }

  std::map<std::string, GrowingFile> files_;  // by path of part 0
};

Result<> GrowingStage::append(StagedRows&& rows) {
  return spools_.try_emplace(std::move(rows.route), sink_.spools()).first->second.append(std::move(rows.bytes));
}

std::size_t GrowingStage::drainable() const {
  return sink_.drains() && !spools_.empty() ? spools_.begin()->second.size() : 0;
}

Result<> GrowingStage::begin_draining() {
  draining_ = std::make_unique<Draining>();
  draining_->path = sink_.target().render(batch_, {}, 0);
  draining_->file = sink_.file(draining_->path);
  draining_->place_of = sink_.place_of(batch_, {});
  draining_->writing.emplace(draining_->file, sink_.target().rules, batch_, draining_->place_of, draining_->changes);
  return draining_->writing->open();
}

Result<> GrowingStage::drain() {
  if (!draining_) {
    if (auto begun = begin_draining(); !begun) return begun;
  }
  for (auto& [route, spool] : spools_) {
    auto written = spool.read([&](std::string_view bytes) { return draining_->writing->add(bytes); });
    if (!written) return written;
    spool.clear();
  }
  return {};
}

Result<> GrowingStage::publish() {
  if (!draining_) return sink_.publish(batch_, spools_);
  auto done = drain();
  if (done) done = draining_->writing->close();
  if (!done) return done;
  sink_.keep({{draining_->path, draining_->file}});
  draining_.reset();
  return {};
}

void GrowingStage::discard() {
  if (draining_) {
    draining_->writing.reset();
    draining_->changes.undo();
    draining_.reset();
  }
  spools_.clear();
}

// `0600`, as chmod has it.
std::optional<unsigned> parse_mode(const LocatedText& text, Diagnostics& diagnostics) {
  unsigned mode = 0;
  const std::string& value = text.value();
  const bool good = !value.empty() && value.size() <= 5 &&
                    std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '7'; });
  for (const char c : value) mode = mode * 8 + static_cast<unsigned>(c - '0');
  if (good && mode <= 0777 && (mode & 0200U) != 0) return mode;
  diagnostics.error("bad-option", text.whole(),
                    fmt::format("'{}' is no mode; write it in octal, with the owner's right to write: 0600", value));
  return std::nullopt;
}

std::optional<BoundSink> bind(const FileOptions& options, SinkBindContext& context) {
  const std::size_t errors = context.diagnostics.error_count();
  auto target = std::make_shared<Target>();
  auto path = PathPattern::parse(options.path.value, options.path.span, *context.schema, context.diagnostics);
  if (options.path.value.empty() || options.path.value.ends_with('/')) {
    context.diagnostics.error("bad-path", options.path.span, "`path` has no file name");
  }
  if (options.mode) target->rules.mode = parse_mode(*options.mode, context.diagnostics).value_or(0600);
  if (path && path->has_part() != options.roll.has_value()) {
    context.diagnostics.error("bad-path", options.path.span,
                              options.roll ? "`roll` needs {part} in `path`, or each part would be the same file"
                                           : "{part} counts the parts of `roll`, which is not given");
  }
  if (options.roll && !options.roll->size && !options.roll->interval) {
    context.diagnostics.error("missing-option", context.place, "`roll` needs `size` or `interval`");
  }
  if (path && path->has_batch() && options.roll && options.roll->interval) {
    context.diagnostics.error("bad-option", context.place, "a file of one {batch} cannot `roll` by `interval`");
  }
  target->encoder = RowEncoder::bind(context);
  if (context.diagnostics.error_count() != errors || !path || !target->encoder) return std::nullopt;

  const bool per_batch = path->has_batch();
  target->output = context.name;
  target->path = std::move(*path);
  target->rules.exists = options.exists.value_or(per_batch ? Exists::replace : Exists::append);
  target->rules.compression = options.compression;
  target->rules.roll = options.roll;
  target->rules.header = target->encoder->header();
  target->empty = options.empty;

  BoundSink bound;
  bound.reads = target->path.columns();
  bound.writes = {{target->path.describe(context.name), target->path.fixed(), options.path.span}};
  bound.detail = options.path.value;
  bound.guarantee = "exactly once with a checkpoint";
  bound.drains = !per_batch;
  bound.open = [target = std::shared_ptr<const Target>(std::move(target)),
                per_batch](const Environment& environment) -> std::unique_ptr<Sink> {
    if (per_batch) return std::make_unique<FileSink>(target, environment);
    return std::make_unique<GrowingSink>(target, environment);
  };
  return bound;
}

}  // namespace

SinkDescriptor describe_file_sink() {
  return describe_connector<FileOptions>(
      "file", "files: one a batch, or one that grows",
      "{name: out, from: in, file: {path: \"out/part-{batch}.jsonl\"}, format: json}", true,
      Options<FileOptions>{}
          .required("path", &FileOptions::path,
                    "with {batch}, {output}, {partition}, {part}, {column} or strftime of the batch's time")
          .optional("exists", &FileOptions::exists, "append for a file that grows, replace for one a batch",
                    "what becomes of a file that is there already")
          .optional("empty", &FileOptions::empty, "skip", "whether a batch without rows makes a file")
          .optional("compression", &FileOptions::compression, "none", "of what is written")
          .optional("mode", &FileOptions::mode, "0600", "rights of new files, in octal")
          .optional("roll", &FileOptions::roll, "", "begins a new {part} past a size or after a time")
          .table(),
      &bind);
}

}  // namespace streamrun
