// A file or a glob of files: read once, or followed as it grows.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operators/builtin_catalog.h"
#include "operators/sources/file_source.h"
#include "runner/operator/file_glob.h"

namespace streamrun {
namespace {

enum class Start { beginning, end };

}  // namespace

template <>
struct EnumNames<Start> {
  static constexpr std::pair<std::string_view, Start> names[] = {{"beginning", Start::beginning}, {"end", Start::end}};
};

namespace {

struct FileOptions {
  Located<std::string> path;
  bool follow = false;
  Located<Start> start;
};

std::optional<BoundSource> bind(const FileOptions& options, SourceBindContext& context) {
  if (options.path.value.empty()) {
    context.diagnostics.error("bad-path", options.path.span, "`path` is empty");
    return std::nullopt;
  }
  if (options.start.value == Start::end && !options.follow) {
    context.diagnostics.error("bad-option", options.start.span, "`start: end` reads nothing without `follow: true`");
    return std::nullopt;
  }
  if (options.path.value.find("**") != std::string::npos) {
    context.diagnostics.error("bad-path", options.path.span,
                              "`**` is no part of a glob here, which has `*`, `?` and `[a-z]` within one name and "
                              "`{a,b}`; write a `*` for each folder, as `logs/*/*.log`");
    return std::nullopt;
  }
  auto input = std::make_shared<FileInput>();
  input->paths = {context.name, expand_braces(options.path.value)};
  input->bounded = !options.follow;
  input->grows = options.follow;
  input->from_end = options.start.value == Start::end;
  input->framing = context.framing;
  input->partitions = std::max<std::uint32_t>(1, context.partitions);

  BoundSource bound;
  bound.hidden = {{"_file", TypeKind::string}, {"_line", TypeKind::int64}};
  bound.bounded = !options.follow;
  bound.partitions = input->partitions;
  for (const std::string& path : input->paths.paths) {
    bound.reads.push_back({path, path.rfind('/', path.find_first_of("*?[")) + 1, options.path.span});
  }
  bound.detail = options.follow ? options.path.value + ", followed" : options.path.value;
  bound.open = [input = std::shared_ptr<const FileInput>(std::move(input))](const Environment& environment) {
    return make_file_source(input, (input->grows ? make_followed_files : make_static_files)(input->paths, environment),
                            environment);
  };
  return bound;
}

}  // namespace

SourceDescriptor describe_file_source() {
  return describe_connector<FileOptions>(
      "file", "a file or a glob of files, read once or followed; every run begins anew",
      "file: {path: data/in.jsonl}\nformat: text", true,
      Options<FileOptions>{}
          .required(
              "path", &FileOptions::path,
              "a path or a glob (* ? [a-z] {a,b}), relative to the working directory; globs are read in byte order "
              "of their paths")
          .optional("follow", &FileOptions::follow, "false", "true: goes on as files grow, appear, are renamed or cut")
          .optional("start", &FileOptions::start, "beginning", "`end`: only what comes from now on")
          .table(),
      &bind);
}

}  // namespace streamrun
