// A sink as the engine drives it, in a folder of its own.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "operators/builtin_catalog.h"
#include "runner/data/codec.h"
#include "runner/operator/file_descriptor.h"
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
  Output(const SinkDescriptor& descriptor, const SyntaxNode& options, bool header = false, bool allow_exec = true) {
    std::string pattern = (fs::temp_directory_path() / "sink-test-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    schema_.columns = {{"k", TypeKind::string}, {"v", TypeKind::string}};
    const FormatDescriptor csv = csv_format(header);
    DecodeContext decode{diagnostics, nullptr, {}, {}};
    const OptionsPtr decoded = descriptor.decode(options, "this output", decode);
    REQUIRE(decoded);
    SinkBindContext context{"out", &schema_, {0, 1}, &csv, nullptr, nullptr, {}, allow_exec, diagnostics, {}};
    bound = descriptor.bind(decoded.get(), context);
    if (bound) open();
  }
  ~Output() { fs::remove_all(folder); }

  void open() {
    Environment environment;
    environment.working_folder = folder;
    output_.reset(::open((folder + "/stdout").c_str(), O_RDWR | O_CREAT | O_APPEND, 0600));
    environment.output = output_.get();
    sink = bound->open(environment);
  }

  void append(Stage& stage, const std::vector<std::string>& keys, std::uint32_t partition = 0) const {
    RecordBatch batch;
    batch.rows = static_cast<std::uint32_t>(keys.size());
    batch.selection = Selection::all(batch.rows);
    batch.partition = PartitionIndex(partition);
    batch.columns = {strings(keys), strings(std::vector<std::string>(keys.size(), "x"))};
    SinkContext context;
    std::vector<StagedRows> staged;
    sink->encode(batch, context, staged);
    for (StagedRows& rows : staged) {
      const auto done = stage.append(std::move(rows));
      if (!done) FAIL(done.error().message);
    }
  }

  std::unique_ptr<Stage> stage(std::int64_t batch) const {
    auto made = sink->stage(BatchTime(batch));
    REQUIRE(made);
    return std::move(*made);
  }

  void publish(std::int64_t batch, const std::vector<std::string>& keys) const {
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
  std::unique_ptr<Sink> sink;

 private:
  static FormatDescriptor csv_format(bool header) {
    FormatDescriptor csv;
    csv.name = "csv";
    csv.make_encoder = [header](const void*, const std::vector<Field>& columns) {
      CsvOptions options;
      options.header = header;
      return make_csv_encoder(columns, options);
    };
    return csv;
  }

  Schema schema_;
  FileDescriptor output_;
};

inline SyntaxNode path_options(const std::string& path) {
  return mapping({{"path", text(path)}});
}

}  // namespace streamrun
