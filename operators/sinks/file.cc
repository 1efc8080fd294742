// Files: one for each batch, which appears whole or not at all, or one that grows.
#include <fmt/format.h>

#include <algorithm>

#include "operators/builtin_catalog.h"
#include "runner/operator/file_sink.h"

namespace streamrun {
namespace {

enum class Empty { skip, write };
enum class Write { append, replace };

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
struct EnumNames<Write> {
  static constexpr std::pair<std::string_view, Write> names[] = {{"append", Write::append},
                                                                 {"replace", Write::replace}};
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
  std::optional<Write> write;
  Empty empty = Empty::skip;
  Compression compression = Compression::none;
  std::optional<LocatedText> mode;
  std::optional<RollOptions> roll;
};

// `0600`, as chmod has it.
std::optional<unsigned> parse_mode(const LocatedText& text, Diagnostics& diagnostics) {
  unsigned mode = 0;
  const std::string& value = text.value();
  const bool good = !value.empty() && value.size() <= 5 &&
                    std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '7'; });
  for (const char c : value) mode = mode * 8 + static_cast<unsigned>(c - '0');
  if (good && mode <= 0777 && (mode & 0200U) != 0) return mode;
  if (!value.empty() &&
      value.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == std::string::npos) {
    diagnostics.error("bad-option", text.whole(),
                      fmt::format("`mode` is a file's rights, such as 0600, not '{}'; what is there already is "
                                  "dealt with by `exists: append`, `replace` or `fail`",
                                  value));
    return std::nullopt;
  }
  diagnostics.error("bad-option", text.whole(),
                    fmt::format("'{}' is no mode; write it in octal, with the owner's right to write: 0600", value));
  return std::nullopt;
}

// A name that says another compression than the file has misleads whoever reads it.
void check_ending(const FileOptions& options, Diagnostics& diagnostics) {
  constexpr std::pair<std::string_view, Compression> kEndings[] = {{".gz", Compression::gzip},
                                                                   {".gzip", Compression::gzip},
                                                                   {".zst", Compression::zstd},
                                                                   {".zstd", Compression::zstd},
                                                                   {".lz4", Compression::lz4}};
  const std::string& path = options.path.value;
  const auto ending = std::ranges::find_if(kEndings, [&](const auto& one) { return path.ends_with(one.first); });
  if (ending == std::end(kEndings) || ending->second == options.compression) return;
  diagnostics.warning("misleading-ending", options.path.span,
                      fmt::format("the name ends in {}, and what is written is {}; say `compression: {}`, or choose "
                                  "another name",
                                  ending->first,
                                  options.compression == Compression::none
                                      ? std::string("not compressed")
                                      : fmt::format("compressed with {}", name_of(options.compression)),
                                  name_of(ending->second)));
}

std::optional<BoundSink> bind(const FileOptions& options, SinkBindContext& context) {
  check_ending(options, context.diagnostics);
  const std::size_t errors = context.diagnostics.error_count();
  auto target = std::make_shared<FileTarget>();
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
  const bool replaced = options.write == Write::replace;
  if (path && path->has_batch() && options.roll && options.roll->interval) {
    context.diagnostics.error("bad-option", context.place, "a file of one {batch} cannot `roll` by `interval`");
  }
  if (path && path->has_batch() && options.write) {
    context.diagnostics.error("conflicting-options", context.place,
                              "with {batch} in `path` each batch has a file of its own; take {batch} or `write` away");
  }
  if (replaced && options.roll) {
    context.diagnostics.error("conflicting-options", context.place,
                              "`write: replace` is one file, and `roll` makes several; take one of them away");
  }
  if (replaced && options.exists == Exists::append) {
    context.diagnostics.error("conflicting-options", context.place,
                              "`write: replace` keeps nothing of what is there; take `exists: append` away");
  }
  target->encoder = RowEncoder::bind(context);
  if (context.diagnostics.error_count() != errors || !path || !target->encoder) return std::nullopt;

  const bool per_batch = path->has_batch() || replaced;
  target->output = context.name;
  target->path = std::move(*path);
  target->replaced = replaced;
  target->rules.exists = options.exists.value_or(replaced    ? Exists::replace
                                                 : per_batch ? Exists::fail
                                                             : Exists::append);
  target->rules.exists_said = options.exists.has_value();
  target->rules.compression = options.compression;
  target->rules.roll = options.roll;
  target->rules.header = target->encoder->header();
  target->rules.lines = target->encoder->rows() != FormatDescriptor::Rows::bytes;
  target->rules.framing = target->encoder->framing();
  target->write_empty = options.empty == Empty::write;

  BoundSink bound;
  bound.reads = target->path.columns();
  bound.can_fail = !target->path.columns().empty();
  bound.writes = {
      {target->path.describe(context.name), target->path.fixed(), target->path.shape(context.name), options.path.span}};
  bound.detail = options.path.value;
  bound.guarantee = replaced    ? "at least once: each batch replaces the file, whole or not at all"
                    : per_batch ? "at least once: a file appears whole or not at all"
                                : "at least once: a batch is in the file whole or not at all";
  bound.exactly_once = true;
  bound.writes_empty = target->write_empty || replaced;
  bound.drains = !per_batch;
  bound.open = [target = std::shared_ptr<const FileTarget>(std::move(target)),
                per_batch](const Environment& environment) -> std::unique_ptr<Sink> {
    if (!per_batch) return make_growing_file_sink(target, environment);
    if (target->rules.exists_said || !environment.times_named) return make_batch_file_sink(target, environment);
    auto replacing = std::make_shared<FileTarget>(*target);
    replacing->rules.exists = Exists::replace;
    return make_batch_file_sink(std::move(replacing), environment);
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
          .optional("exists", &FileOptions::exists, "append for a file that grows, fail for one a batch",
                    "what becomes of a file that is there already: a file source is read anew by every run, so that "
                    "rows which grow a file come twice; one a batch is replaced with --start-time; with a {column} in "
                    "`path`, only those that get rows are")
          .optional("write", &FileOptions::write, "append",
                    "of a path without {batch}: append lets a file grow, replace writes it anew, whole, in each batch "
                    "that has rows; with a {column} in `path`, those that get rows")
          .optional("empty", &FileOptions::empty, "skip", "whether a batch without rows makes a file")
          .optional("compression", &FileOptions::compression, "none", "of what is written")
          .optional("mode", &FileOptions::mode, "0600", "rights of new files, in octal")
          .optional("roll", &FileOptions::roll, "", "begins a new {part} past a size or after a time")
          .table(),
      &bind);
}

}  // namespace streamrun
