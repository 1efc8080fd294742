// textFileStream: the files that appear in a folder.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operators/builtin_catalog.h"
#include "operators/sources/file_source.h"

namespace streamrun {
namespace {

struct DirectoryOptions {
  Located<std::string> path;
  Located<std::string> pattern{"*", {}};
  bool existing = true;
  std::optional<std::uint64_t> max_files_per_batch;
};

std::optional<BoundSource> bind(const DirectoryOptions& options, SourceBindContext& context) {
  if (options.path.value.empty()) {
    context.diagnostics.error("bad-path", options.path.span, "`path` is empty");
    return std::nullopt;
  }
  if (options.pattern.value.empty() || options.pattern.value.find('/') != std::string::npos) {
    context.diagnostics.error(
        "bad-path", options.pattern.span,
        fmt::format("`pattern` is for the names of files within the folder; found '{}'", options.pattern.value));
    return std::nullopt;
  }
  auto input = std::make_shared<FileInput>();
  input->paths = {context.name, {}};
  input->bounded = false;
  input->from_end = !options.existing;
  input->max_files = options.max_files_per_batch;
  input->framing = context.framing;
  input->partitions = std::max<std::uint32_t>(1, context.partitions);
  BoundSource bound;
  bound.hidden = {{"_file", TypeKind::string}, {"_line", TypeKind::int64}};
  bound.partitions = input->partitions;
  const std::string& folder = options.path.value;
  const std::string within = folder.ends_with('/') ? folder : folder + "/";
  bound.reads.push_back({within + options.pattern.value, within.size(), options.path.span});
  bound.detail = fmt::format("files '{}' in {}", options.pattern.value, folder);
  bound.open = [input = std::shared_ptr<const FileInput>(std::move(input)), name = context.name, folder,
                pattern = options.pattern.value](const Environment& environment) {
    return make_file_source(input, make_directory_files(name, folder, pattern, environment), environment);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_directory_source() {
  return describe_connector<DirectoryOptions>(
      "directory", "files that appear in a folder, each read once",
      "directory: {path: incoming, pattern: '*.csv'}\nformat: text", true,
      Options<DirectoryOptions>{}
          .required("path", &DirectoryOptions::path, "the folder; files are moved into it when they are complete")
          .optional("pattern", &DirectoryOptions::pattern, "'*'",
                    "of the files' names: * ? [a-z]; a dot in front is passed over")
          .optional("existing", &DirectoryOptions::existing, "true", "false: what is there at the start is passed over")
          .optional("max_files_per_batch", &DirectoryOptions::max_files_per_batch, "", "how many a batch begins", {1})
          .table(),
      &bind);
}

}  // namespace streamrun
