// Files: one for each batch, which appears whole or not at all, or one that grows.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "operators/builtin_catalog.h"
#include "runner/operator/byte_input.h"
#include "runner/operator/byte_spool.h"
#include "runner/operator/output_folder.h"
#include "runner/operator/path_pattern.h"
#include "runner/operator/row_encoder.h"
#include "runner/operator/sink.h"

namespace streamrun {
namespace {

enum class Exists { unset, append, replace, fail };
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

namespace {

struct RollOptions {
  std::optional<ByteSize> size;
  std::optional<Duration> interval;
  static const OptionTable& options() {
    static const OptionTable table =
        Options<RollOptions>{}
            .optional("size", &RollOptions::size, "", "a part ends past this size")
            .optional("interval", &RollOptions::interval, "", "a part ends after this time")
            .table();
    return table;
  }
};

struct FileOptions {
  Located<std::string> path;
  Exists exists = Exists::unset;
  Empty empty = Empty::skip;
  Compression compression = Compression::none;
  std::optional<LocatedText> mode;
  std::optional<RollOptions> roll;
};

// Const, shared.
struct Target {
  std::string output;
  PathPattern path;
  bool per_batch = false;
  Exists exists = Exists::append;
  Empty empty = Empty::skip;
  Compression compression = Compression::none;
  unsigned mode = 0666;
  std::optional<RollOptions> roll;
  std::shared_ptr<const RowEncoder> encoder;
};

constexpr std::size_t kWriteBytes = std::size_t{1} << 20;
// More files than this are not held open at once.
constexpr std::size_t kOpenFiles = 128;

// Where a path leads: a folder that is open, and a name in it.
struct FilePlace {
  std::shared_ptr<OutputFolder> folder;
  std::string name;
  std::string path() const { return folder->path_of(name); }
};

// Folders stay open while they are used often; a batch rarely writes to more.
class Folders {
 public:
  explicit Folders(std::string working_folder) : working_folder_(std::move(working_folder)) {}

  Result<FilePlace> find(const Target& target, const std::string& path) {
    const std::size_t slash = path.rfind('/') + 1;
    std::string folder = path.substr(0, slash);
    std::string name = path.substr(slash);
    if (name.empty() || name == "." || name == "..") {
      return failure(fmt::format("'{}' names a folder, not a file", path));
    }
    auto& known = known_[folder];
    if (!known) {
      if (known_.size() > kOpenFiles) {
        known_.clear();
        return find(target, path);
      }
      // What only a row's value can change is walked without following links.
      const std::size_t fixed = target.path.routes() ? target.path.literal_folder().size() : folder.size();
      auto opened = OutputFolder::open(below_folder(working_folder_, folder.substr(0, fixed)), folder.substr(fixed));
      if (!opened) {
        known_.erase(folder);
        return pass_on(opened);
      }
      known = std::move(*opened);
    }
    return FilePlace{known, std::move(name)};
  }

 private:
  std::string working_folder_;
  std::map<std::string, std::shared_ptr<OutputFolder>> known_;
};

// A long name is cut, and told from others by its hash.
std::string hidden_name(const std::string& name) {
  if (name.size() <= 220) return fmt::format(".{}.tmp-{}", name, ::getpid());
  return fmt::format(".{}-{:x}.tmp-{}", name.substr(0, 200), std::hash<std::string>{}(name), ::getpid());
}

// A file of one batch that is not yet visible.
class HiddenFile {
 public:
  HiddenFile(const Target& target, FilePlace place)
      : target_(target),
        place_(std::move(place)),
        hidden_(hidden_name(place_.name)),
        compressor_(make_compressor(target.compression)) {}

  Result<> add(std::string&& bytes) {
    size_ += bytes.size();
    if (!begun_) {
      if (auto begun = begin(); !begun) return begun;
    }
    return put(std::move(bytes));
  }

  // Ends the file and makes it visible. May be called again after a failure.
  Result<> publish() {
    if (!begun_) {
      if (auto begun = begin(); !begun) return begun;
    }
    if (!complete_) {
      if (compressor_) {
        if (auto ended = compressor_->finish(buffer_); !ended) return ended;
      }
      if (auto written = flush(); !written) return written;
      if (auto opened = reopen(); !opened) return opened;
      if (::fsync(file_.get()) != 0) return system_failure("sync", place_.path());
      if (auto closed = file_.close(place_.path()); !closed) return closed;
      complete_ = true;
    }
    if (!visible_) {
      auto renamed = place_.folder->rename(hidden_, place_.name, target_.exists == Exists::fail);
      if (!renamed) return renamed;
      visible_ = true;
    }
    return {};
  }

  void discard() {
    file_.reset();
    if (begun_ && !visible_) place_.folder->remove(hidden_);
  }

  // Frees the descriptor; writing opens it again.
  Result<> rest() {
    if (auto written = flush(); !written) return written;
    return file_ ? file_.close(place_.path()) : Result<>{};
  }
  bool is_open() const { return static_cast<bool>(file_); }
  std::uint64_t size() const { return size_; }
  const std::shared_ptr<OutputFolder>& folder() const { return place_.folder; }

 private:
  Result<> begin() {
    const auto there = place_.folder->has_file(place_.name);
    if (!there) return pass_on(there);
    if (*there && target_.exists == Exists::fail) {
      return failure(fmt::format("'{}' exists, and the output says `exists: fail`; move it away", place_.path()));
    }
    auto made = place_.folder->create(hidden_, target_.mode);
    if (!made) return pass_on(made);
    file_ = std::move(*made);
    begun_ = true;
    if (*there && target_.exists == Exists::append) return copy_old();
    return put(std::string(target_.encoder->header()));
  }

  // What is there stays in front, so that even an appended file changes all at once.
  Result<> copy_old() {
    auto old = place_.folder->open_to_read(place_.name);
    if (!old) return pass_on(old);
    std::string bytes(kWriteBytes, '\0');
    for (;;) {
      const ssize_t n = ::read(old->get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_failure("read", place_.path());
      if (n == 0) return {};
      const std::string_view part(bytes.data(), static_cast<std::size_t>(n));
      if (auto written = write_all(file_.get(), part, place_.path()); !written) return written;
    }
  }

  Result<> put(std::string&& bytes) {
    if (compressor_) {
      if (auto added = compressor_->add(bytes, buffer_); !added) return added;
    } else if (bytes.size() >= kWriteBytes / 4) {
      // Large pieces go straight to the file.
      if (auto written = flush(); !written) return written;
      if (auto opened = reopen(); !opened) return opened;
      return write_all(file_.get(), bytes, place_.path());
    } else {
      buffer_ += bytes;
    }
    return buffer_.size() >= kWriteBytes ? flush() : Result<>{};
  }

  Result<> flush() {
    if (buffer_.empty()) return {};
    if (auto opened = reopen(); !opened) return opened;
    if (auto written = write_all(file_.get(), buffer_, place_.path()); !written) return written;
    buffer_.clear();
    return {};
  }

  Result<> reopen() {
    if (file_) return {};
    auto opened = place_.folder->open_to_append(hidden_, target_.mode);
    if (!opened) return pass_on(opened);
    file_ = std::move(*opened);
    return {};
  }

  const Target& target_;
  FilePlace place_;
  std::string hidden_;
  std::unique_ptr<Compressor> compressor_;
  FileDescriptor file_;
  std::string buffer_;
  std::uint64_t size_ = 0;
  bool begun_ = false;
  bool complete_ = false;
  bool visible_ = false;
};

// One file a batch (and route and part): written as rows come, renamed at the end.
class BatchStage final : public Stage {
 public:
  BatchStage(std::shared_ptr<const Target> target, std::shared_ptr<Folders> folders, BatchTime batch)
      : target_(std::move(target)), folders_(std::move(folders)), batch_(batch) {}
  ~BatchStage() override { discard(); }

  Result<> append(StagedRows&& rows) override {
    // By path: other values may make the same one.
    auto& part = parts_[target_->path.render(batch_, target_->output, rows.route, 0)];
    if (part.file == nullptr ||
        (target_->roll && target_->roll->size && part.file->size() >= target_->roll->size->bytes)) {
      if (part.file != nullptr) {
        if (auto rested = part.file->rest(); !rested) return rested;
        ++part.number;
      }
      auto made = make(rows.route, part.number);
      if (!made) return pass_on(made);
      part.file = *made;
    }
    const bool was_open = part.file->is_open();
    auto added = part.file->add(std::move(rows.bytes));
    if (!added || was_open) return added;
    return ++opened_ > kOpenFiles ? rest_all() : Result<>{};
  }

  Result<> publish() override {
    if (files_.empty() && target_->empty == Empty::write && !target_->path.routes()) {
      if (const auto made = make({}, 0); !made) return pass_on(made);
    }
    std::set<std::shared_ptr<OutputFolder>> folders;
    for (HiddenFile& file : files_) {
      if (auto published = file.publish(); !published) return published;
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

  Result<HiddenFile*> make(const std::string& route, std::uint32_t part) {
    auto place = folders_->find(*target_, target_->path.render(batch_, target_->output, route, part));
    if (!place) return pass_on(place);
    return &files_.emplace_back(*target_, std::move(*place));
  }

  Result<> rest_all() {
    opened_ = 0;
    for (HiddenFile& file : files_) {
      if (auto rested = file.rest(); !rested) return rested;
    }
    return {};
  }

  std::shared_ptr<const Target> target_;
  std::shared_ptr<Folders> folders_;
  BatchTime batch_;
  std::deque<HiddenFile> files_;
  std::unordered_map<std::string, Part> parts_;
  std::size_t opened_ = 0;
};

// What is known of a file that grows. Lengths are those behind the last batch that was published.
struct Growing {
  std::uint64_t length = 0;
  std::uint32_t part = 0;
  std::int64_t since = 0;  // batch that began the part
  bool ours = false;       // written by this run, or by the one that it goes on from
  std::string path;        // of the part
};

class GrowingSink;

// A file that grows: bytes wait in a spool for their turn.
class GrowingStage final : public Stage {
 public:
  GrowingStage(GrowingSink& sink, BatchTime batch) : sink_(sink), batch_(batch) {}
  Result<> append(StagedRows&& rows) override {
    const auto [at, fresh] = spools_.try_emplace(std::move(rows.route), std::size_t{4} << 20);
    if (fresh) order_.push_back(at->first);
    return at->second.append(std::move(rows.bytes));
  }
  Result<> publish() override;
  void discard() override { spools_.clear(); }

 private:
  GrowingSink& sink_;
  BatchTime batch_;
  std::unordered_map<std::string, ByteSpool> spools_;
  std::vector<std::string> order_;
  std::size_t published_ = 0;  // a retry goes on behind these
};

class FileSink : public Sink {
 public:
  FileSink(std::shared_ptr<const Target> target, const Environment& environment)
      : target_(std::move(target)), folders_(std::make_shared<Folders>(environment.working_folder)) {}

  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    const PathPattern& path = target_->path;
    if (!path.routes()) return target_->encoder->encode(batch, out);
    // Rows of one route together, routes in the order in which they first occur.
    std::unordered_map<std::string, std::size_t> known;
    std::vector<std::vector<std::uint32_t>> rows;
    std::vector<std::string> routes;
    std::string route;
    std::string last;
    std::size_t at = 0;
    batch.selection.for_each([&](std::uint32_t row) {
      route.clear();
      path.route_of(batch.columns, row, batch.partition, route);
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
    const std::vector<ColumnPtr> picked = target_->encoder->pick(batch);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      StagedRows& staged = out.emplace_back();
      staged.route = std::move(routes[i]);
      staged.rows = rows[i].size();
      target_->encoder->encode(picked, Selection::of(std::move(rows[i])), staged.bytes);
    }
  }

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override {
    return std::make_unique<BatchStage>(target_, folders_, batch);
  }

 protected:
  std::shared_ptr<const Target> target_;
  std::shared_ptr<Folders> folders_;
};

class GrowingSink final : public FileSink {
 public:
  using FileSink::FileSink;

  Result<> start() override {
    // A path that is the same in every batch can be judged at once.
    if (target_->path.routes() || target_->path.has_time()) return {};
    auto place = folders_->find(*target_, target_->path.render(BatchTime(0), target_->output, {}, 0));
    if (!place) return pass_on(place);
    const auto there = place->folder->has_file(place->name);
    return there ? Result<>{} : pass_on(there);
  }

  Result<std::unique_ptr<Stage>> stage(BatchTime batch) override {
    return std::make_unique<GrowingStage>(*this, batch);
  }

  Result<> publish(BatchTime batch, const std::string& route, const ByteSpool* spool) {
    // Parts of one file share their state: it goes by the path of part 0.
    const std::string key = target_->path.render(batch, target_->output, route, 0);
    Growing& known = files_[key];
    Growing now = known;
    Exists exists = target_->exists;
    if (target_->roll && now.ours && must_roll(now, batch)) {
      now = {0, now.part + 1, batch.value, false, {}};
      // What a checkpoint does not know of a part that is begun now was written behind it.
      if (recovered_.contains(key)) exists = Exists::replace;
    }
    auto place = find_part(route, batch, now, exists);
    if (!place) return pass_on(place);
    auto file = place->folder->open_to_append(place->name, target_->mode);
    if (!file) return pass_on(file);
    struct stat status{};
    if (::fstat(file->get(), &status) != 0) return system_failure("look at", place->path());
    const off_t before = status.st_size;
    auto written = write(*file, place->path(), before == 0, spool);
    if (written && ::fsync(file->get()) != 0) written = system_failure("sync", place->path());
    if (!written) {
      // A retry, or the next start, writes it again: half a batch must not stay.
      if (::ftruncate(file->get(), before) != 0) return written;
      return written;
    }
    if (::fstat(file->get(), &status) != 0) return system_failure("look at", place->path());
    if (before == 0) {
      if (auto synced = place->folder->sync(); !synced) return synced;
    }
    now.length = static_cast<std::uint64_t>(status.st_size);
    now.ours = true;
    known = now;
    return {};
  }

  std::string position() const override {
    nlohmann::json files = nlohmann::json::object();
    for (const auto& [path, file] : files_) files[path] = {file.length, file.part, file.since, file.path};
    return nlohmann::json{{"files", files}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  Result<> recover(const std::string& position) override {
    const nlohmann::json json = nlohmann::json::parse(position, nullptr, false);
    if (!json.is_object() || !json.contains("files") || !json["files"].is_object()) {
      return failure(fmt::format("'{}' is no position of output '{}'", position, target_->output));
    }
    for (const auto& [path, file] : json["files"].items()) {
      if (!file.is_array() || file.size() != 4) return failure("a position of a file is damaged");
      files_[path] = {file[0].get<std::uint64_t>(), file[1].get<std::uint32_t>(), file[2].get<std::int64_t>(), true,
                      file[3].get<std::string>()};
      recovered_.insert(path);
    }
    return cut_back();
  }

  const Target& target() const { return *target_; }

 private:
  bool must_roll(const Growing& file, BatchTime batch) const {
    const RollOptions& roll = *target_->roll;
    return (roll.size && file.length >= roll.size->bytes) ||
           (roll.interval && batch.value - file.since >= roll.interval->count());
  }

  // Where the part is; the first time that this run meets it, what may be there already is dealt with.
  Result<FilePlace> find_part(const std::string& route, BatchTime batch, Growing& now, Exists exists) {
    for (;; ++now.part) {
      now.path = target_->path.render(batch, target_->output, route, now.part);
      auto place = folders_->find(*target_, now.path);
      if (!place || now.ours) return place;
      now.since = batch.value;
      const auto there = place->folder->has_file(place->name);
      if (!there) return pass_on(there);
      if (!*there) return place;
      if (exists == Exists::fail) {
        return failure(fmt::format("'{}' exists, and the output says `exists: fail`; move it away", place->path()));
      }
      if (exists == Exists::replace) {
        place->folder->remove(place->name);
        return place;
      }
      // An earlier run's full parts are left as they are.
      if (!target_->roll || !target_->roll->size) return place;
      auto file = place->folder->open_to_read(place->name);
      if (!file) return pass_on(file);
      struct stat status{};
      if (::fstat(file->get(), &status) != 0) return system_failure("look at", place->path());
      if (static_cast<std::uint64_t>(status.st_size) < target_->roll->size->bytes) return place;
    }
  }

  Result<> write(const FileDescriptor& file, const std::string& path, bool fresh, const ByteSpool* spool) const {
    const std::string_view header = fresh ? target_->encoder->header() : std::string_view{};
    const auto compressor = make_compressor(target_->compression);
    if (!compressor) {
      if (auto done = write_all(file.get(), header, path); !done || spool == nullptr) return done;
      return spool->read([&](std::string_view bytes) { return write_all(file.get(), bytes, path); });
    }
    std::string out;
    const auto add = [&](std::string_view bytes) -> Result<> {
      if (auto added = compressor->add(bytes, out); !added) return added;
      if (out.size() < kWriteBytes) return {};
      auto written = write_all(file.get(), out, path);
      out.clear();
      return written;
    };
    if (auto done = add(header); !done) return done;
    if (spool != nullptr) {
      if (auto done = spool->read(add); !done) return done;
    }
    if (auto done = compressor->finish(out); !done) return done;
    return write_all(file.get(), out, path);
  }

  Result<> cut_back() {
    for (const std::string& key : recovered_) {
      const std::uint64_t length = files_[key].length;
      auto place = folders_->find(*target_, files_[key].path);
      if (!place) return pass_on(place);
      const auto there = place->folder->has_file(place->name);
      if (!there) return pass_on(there);
      struct stat status{};
      if (*there) {
        auto file = place->folder->open_to_append(place->name, target_->mode);
        if (!file) return pass_on(file);
        if (::fstat(file->get(), &status) != 0) return system_failure("look at", place->path());
        if (static_cast<std::uint64_t>(status.st_size) > length) {
          if (::ftruncate(file->get(), static_cast<off_t>(length)) != 0) return system_failure("cut", place->path());
          if (::fsync(file->get()) != 0) return system_failure("sync", place->path());
        }
      }
      if (!*there || static_cast<std::uint64_t>(status.st_size) < length) {
        return failure(
            fmt::format("'{}' has {} bytes, but the checkpoint has written {}: put the file back, or start "
                        "afresh with another checkpoint",
                        place->path(), status.st_size, length));
      }
    }
    return {};
  }

  std::map<std::string, Growing> files_;  // by path (of part 0)
  std::set<std::string> recovered_;
};

Result<> GrowingStage::publish() {
  if (order_.empty() && sink_.target().empty == Empty::write && !sink_.target().path.routes()) {
    return sink_.publish(batch_, {}, nullptr);
  }
  for (; published_ < order_.size(); ++published_) {
    const std::string& route = order_[published_];
    if (auto published = sink_.publish(batch_, route, &spools_.at(route)); !published) return published;
  }
  return {};
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
  if (options.mode) target->mode = parse_mode(*options.mode, context.diagnostics).value_or(0600);
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

  target->output = context.name;
  target->path = std::move(*path);
  target->per_batch = target->path.has_batch();
  target->exists = options.exists != Exists::unset ? options.exists
                   : target->per_batch             ? Exists::replace
                                                   : Exists::append;
  target->empty = options.empty;
  target->compression = options.compression;
  target->roll = options.roll;

  BoundSink bound;
  bound.reads = target->path.columns();
  bound.writes = {{target->path.describe(context.name), target->path.fixed(), options.path.span}};
  bound.detail = options.path.value;
  bound.guarantee = "exactly once with a checkpoint";
  bound.open = [target = std::shared_ptr<const Target>(std::move(target))](
                   const Environment& environment) -> std::unique_ptr<Sink> {
    if (target->per_batch) return std::make_unique<FileSink>(target, environment);
    return std::make_unique<GrowingSink>(target, environment);
  };
  return bound;
}

}  // namespace

SinkDescriptor describe_file_sink() {
  return describe_sink<FileOptions>(
      "file", "files: one a batch, or one that grows",
      "{name: out, from: in, file: {path: \"out/part-{batch}.jsonl\"}, format: json}", true,
      Options<FileOptions>{}
          .required("path", &FileOptions::path,
                    "with {batch}, {output}, {partition}, {part}, {column} or strftime of the batch's time")
          .optional("exists", &FileOptions::exists, "append for a file that grows, replace for one a batch",
                    "what becomes of a file that is there already")
          .optional("empty", &FileOptions::empty, "skip", "whether a batch without rows makes a file")
          .optional("compression", &FileOptions::compression, "none", "of what is written")
          .optional("mode", &FileOptions::mode, "", "rights of new files, in octal: 0600")
          .optional("roll", &FileOptions::roll, "", "begins a new {part} past a size or after a time")
          .table(),
      &bind);
}

}  // namespace streamrun
