// A sink as the engine drives it, in a folder of its own.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "operators/builtin_catalog.h"
#include "runner/data/codec.h"
#include "runner/operator/file_descriptor.h"
#include "runner/operator/read_files.h"
#include "tests/operators/faulty_disk.h"
#include "tests/operators/option_nodes.h"

namespace streamrun {

namespace fs = std::filesystem;

class SinkContext final : public KernelContext {
 public:
  void reject(const RecordBatch&, std::vector<RowError>) override {}
};

inline ColumnPtr strings(const std::vector<std::string>& values) {
  const MutableColumn column = Column::make(TypeKind::string, static_cast<std::uint32_t>(values.size()));
  auto arena = std::make_shared<StringArena>();
  for (std::size_t i = 0; i < values.size(); ++i) column->values<StringRef>()[i] = arena->copy(values[i]);
  column->keep(arena);
  return column;
}

// Two columns, `k` and `v`, in csv with or without a header.
class Output {
 public:
  // `beside`: an output of the same run.
  Output(const SinkDescriptor& descriptor, const SyntaxNode& options, bool header = false, bool allow_exec = true,
         const Output* beside = nullptr)
      : owns_folder_(beside == nullptr) {
    std::string pattern = (fs::temp_directory_path() / "sink-test-XXXXXX").string();
    folder = beside != nullptr ? beside->folder : ::mkdtemp(pattern.data());
    if (beside != nullptr) shared_ = beside->shared_;
    schema_.columns = {{"k", TypeKind::string}, {"v", TypeKind::string}};
    const FormatDescriptor csv = csv_format(header);
    DecodeContext decode{diagnostics};
    const OptionsPtr decoded = descriptor.decode(options, "this output", decode);
    REQUIRE(decoded);
    SinkBindContext context{beside != nullptr ? "other" : "out",
                            "test",
                            &schema_,
                            {0, 1},
                            &csv,
                            nullptr,
                            nullptr,
                            {},
                            allow_exec,
                            false,
                            diagnostics,
                            {}};
    bound = descriptor.bind(decoded.get(), context);
    if (bound) open();
  }
  ~Output() {
    sink.reset();
    if (owns_folder_) fs::remove_all(folder);
  }

  // Paths and globs below `folder` that a source of the run reads.
  void reads(const std::string& reader, const std::vector<std::string>& paths) {
    std::vector<std::string> globs;
    for (const std::string& path : paths) globs.push_back(resolved_glob(folder + "/" + path, folder.size() + 1));
    read_files()->add("s", reader, std::move(globs));
  }
  // Files that it has found.
  void finds(const std::vector<std::string>& names) {
    std::set<FileId> ids;
    for (const std::string& name : names) {
      const auto file = InputFile::open(folder + "/" + name);
      REQUIRE(file);
      ids.insert(file->id());
    }
    read_files()->found("s", std::move(ids));
  }

  // As another run does.
  void restart() {
    shared_ = std::make_shared<SharedParts>();
    open();
  }

  void open() {
    sink.reset();
    Environment environment;
    environment.shared = shared_;
    environment.disk = &disk;
    environment.spools = std::make_shared<SpoolPool>(SpoolLimits{spool_memory, {}, {}, {}, &disk});
    environment.times_named = times_named;
    environment.working_folder = folder;
    environment.log = [this](LogLevel, const std::string& text) { log.push_back(text); };
    output_.reset(::open((folder + "/stdout").c_str(), O_RDWR | O_CREAT | O_APPEND, 0600));
    environment.output = output_.get();
    sink = bound->open(environment);
  }

  // Rows of `keys` that cannot be written are in `rejected`.
  std::vector<StagedRows> encode(const std::vector<std::string>& keys, std::uint32_t partition = 0) {
    RecordBatch batch;
    batch.rows = static_cast<std::uint32_t>(keys.size());
    batch.selection = Selection::all(batch.rows);
    batch.partition = PartitionIndex(partition);
    batch.columns = {strings(keys), strings(std::vector<std::string>(keys.size(), "x"))};
    SinkContext context;
    std::vector<StagedRows> staged;
    sink->encode(batch, context, staged);
    for (const RowError& error : context.eval.errors.take()) rejected.push_back(error.message);
    return staged;
  }

  Result<> try_append(Stage& stage, const std::vector<std::string>& keys, std::uint32_t partition = 0) {
    Result<> done;
    for (StagedRows& rows : encode(keys, partition)) {
      if (done) done = stage.append(std::move(rows));
    }
    return done;
  }
  void append(Stage& stage, const std::vector<std::string>& keys, std::uint32_t partition = 0) {
    const auto done = try_append(stage, keys, partition);
    if (!done) FAIL(done.error().message);
  }

  std::unique_ptr<Stage> stage(std::int64_t batch) const {
    auto made = sink->stage(BatchTime(batch));
    REQUIRE(made);
    return std::move(*made);
  }

  void publish(std::int64_t batch, const std::vector<std::string>& keys) {
    const auto one = stage(batch);
    append(*one, keys);
    const auto done = one->publish();
    if (!done) FAIL(done.error().message);
  }

  std::string file(const std::string& name) const {
    std::ifstream in(folder + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.path().filename() != "stdout") {
        found.push_back(entry.path().lexically_relative(folder).string());
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  Diagnostics diagnostics;
  std::string folder;
  std::optional<BoundSink> bound;
  FaultyDisk disk;
  std::uint64_t spool_memory = std::uint64_t{64} << 20;  // from open() on
  bool times_named = false;
  std::vector<std::string> log;
  std::vector<std::string> rejected;
  std::unique_ptr<Sink> sink;

 private:
  std::shared_ptr<ReadFiles> read_files() const {
    Environment environment;
    environment.shared = shared_;
    return ReadFiles::of(environment);
  }
  static FormatDescriptor csv_format(bool header) {
    FormatDescriptor csv;
    csv.name = "csv";
    csv.framing = [](const void*) { return csv_framing({}); };
    csv.make_encoder = [header](const void*, const std::vector<Field>& columns) {
      CsvOptions options;
      options.header = header ? CsvHeader::names : CsvHeader::none;
      return make_csv_encoder(columns, options);
    };
    return csv;
  }

  bool owns_folder_;
  std::shared_ptr<SharedParts> shared_ = std::make_shared<SharedParts>();
  Schema schema_;
  FileDescriptor output_;
};

inline SyntaxNode path_options(const std::string& path) {
  return mapping({{"path", text(path)}});
}

// What a run does that ends without another word, in a process of its own.
template <class Run>
void in_a_killed_run(Run&& run) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    run();
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

inline std::vector<std::string> many(const std::string& key) {
  return std::vector<std::string>(20'000, key + std::string(100, '-'));
}

}  // namespace streamrun
