#include "runner/config/pipeline_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "runner/operator/options.h"

namespace streamrun {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 100;

std::string canonical(const std::string& path) {
  std::error_code fault;
  const fs::path found = fs::canonical(path, fault);
  return fault ? path : found.string();
}

void move_places(SyntaxNode& node, std::uint32_t by) {
  node.span.begin += by;
  node.span.end += by;
  node.text.move_by(by);
  for (SyntaxNode& item : node.items) move_places(item, by);
  for (SyntaxNode::Entry& entry : node.entries) {
    entry.key.move_by(by);
    move_places(entry.value, by);
  }
}

}  // namespace

std::string path_beside(const SourceText& source, Span place, const std::string& path) {
  const std::string folder = fs::path(source.name(place.begin)).parent_path().string();
  return path.starts_with('/') || folder.empty() ? path : fmt::format("{}{}{}", folder, folder == "/" ? "" : "/", path);
}

void PipelineFiles::read() {
  ParsedFile& own = files_.emplace_back();
  own.range = {0, static_cast<std::uint32_t>(source_.text().size())};
  own.root = parse_yaml(source_, diagnostics_, size_);
  if (!own.root) return;
  known_.emplace_back(canonical(source_.name()), source_.name());
  open_.push_back(0);
  variables_.declare(*own.root);
  include_from(*own.root);
  for (ParsedFile& file : files_) {
    if (file.root) variables_.replace_in_file(*file.root);
  }
}

void PipelineFiles::include_from(SyntaxNode& root) {
  for (SyntaxNode::Entry& entry : root.entries) {
    if (entry.key.value() != "include") continue;
    variables_.replace(entry.value);
    DecodeContext context{.diagnostics = diagnostics_};
    const bool good = !entry.value.faulty && decode_list(entry.value, context, [&](const SyntaxNode& item) {
      LocatedText path;
      if (!Codec<LocatedText>::decode(item, path, context)) return false;
      include(path);
      return true;
    });
    incomplete_ = incomplete_ || !good;
  }
}

void PipelineFiles::refuse(const LocatedText& path, std::string code, std::string message) {
  incomplete_ = true;
  diagnostics_.error(std::move(code), path.whole(), std::move(message));
}

// A file that is included twice is read once.
void PipelineFiles::include(const LocatedText& path) {
  if (path.value().empty()) return refuse(path, "bad-option", "`include` names files; this text is empty");
  const std::string name = path_beside(source_, path.whole(), path.value());
  const std::string identity = canonical(name);
  const auto known = std::ranges::find(known_, identity, &std::pair<std::string, std::string>::first);
  if (known != known_.end()) {
    const auto index = static_cast<std::size_t>(known - known_.begin());
    const auto open = std::ranges::find(open_, index);
    if (open == open_.end()) return;
    std::string chain;
    for (auto one = open; one != open_.end(); ++one) chain += known_[*one].second + " → ";
    return refuse(path, "include-cycle", fmt::format("'{0}' includes itself: {1}{0}", known->second, chain));
  }
  if (known_.size() >= kMostFiles) {
    return refuse(path, "too-many", fmt::format("more than {} files in one pipeline", kMostFiles));
  }
  std::error_code unsaid;
  if (fs::is_directory(identity, unsaid)) {
    return refuse(path, "not-a-file", fmt::format("'{}' is a folder; name a file", name));
  }
  Diagnostics own;
  auto text = load_source_text(name, own);
  if (!text) {
    const Diagnostic fault = own.sorted().front();
    return refuse(path, fault.code,
                  fmt::format("'{}' {}; the path is relative to the file that includes it", name, fault.message));
  }
  if (source_.text().size() + text->text().size() > kLargestText) {
    return refuse(path, "too-large", fmt::format("with '{}' the pipeline is larger than 1 MiB", name));
  }
  known_.emplace_back(identity, name);
  open_.push_back(known_.size() - 1);
  if (SyntaxNode* root = parse(*text)) {
    variables_.declare(*root);
    include_from(*root);
    included_.push_back(root);
  }
  open_.pop_back();
}

SyntaxNode* PipelineFiles::parse(const SourceText& text) {
  Diagnostics own;
  ParsedFile& file = files_.emplace_back();
  file.root = parse_yaml(text, own, size_);
  const std::uint32_t begin = source_.add(text.name(), text.text());
  file.range = {begin, static_cast<std::uint32_t>(source_.text().size())};
  for (const Diagnostic& one : own.sorted()) {
    diagnostics_.error(one.code, {one.span.begin + begin, one.span.end + begin}, one.message);
  }
  if (!file.root) {
    incomplete_ = true;
    return nullptr;
  }
  move_places(*file.root, begin);
  return &*file.root;
}

}  // namespace streamrun
