#include "operators/sources/file_cursor.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "runner/operator/path_text.h"

namespace streamrun {
namespace {

nlohmann::json to_json(const FileCursor& place) {
  nlohmann::json json{{"path", path_to_text(place.path)},
                      {"device", place.id.device},
                      {"inode", place.id.inode},
                      {"offset", place.offset},
                      {"line", place.line},
                      {"known", place.known},
                      {"hash", fmt::format("{:016x}", place.hash)}};
  if (!place.renamed_from.empty()) json["renamed_from"] = path_to_text(place.renamed_from);
  if (place.born_ns != 0) json["born"] = place.born_ns;
  if (place.done) json["done"] = true;
  if (place.begin) json["begin"] = {{"offset", place.begin->offset}, {"line", place.begin->line}};
  return json;
}

bool read(const nlohmann::json& json, const char* name, std::uint64_t& number) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number_unsigned()) return false;
  number = found->get<std::uint64_t>();
  return true;
}

bool read(const nlohmann::json& json, const char* name, std::string& path) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return false;
  auto unescaped = text_to_path(found->get<std::string>());
  if (unescaped) path = std::move(*unescaped);
  return unescaped.has_value();
}

std::optional<FileCursor> to_place(const nlohmann::json& json) {
  FileCursor place;
  if (!json.is_object()) return std::nullopt;
  std::string hash;
  if (!read(json, "path", place.path) || !read(json, "device", place.id.device) ||
      !read(json, "inode", place.id.inode) || !read(json, "offset", place.offset) || !read(json, "line", place.line) ||
      !read(json, "known", place.known) || !read(json, "hash", hash)) {
    return std::nullopt;
  }
  const char* const end = hash.data() + hash.size();
  if (std::from_chars(hash.data(), end, place.hash, 16).ptr != end) return std::nullopt;
  if (json.contains("born") && !read(json, "born", place.born_ns)) return std::nullopt;
  if (const auto done = json.find("done"); done != json.end()) {
    if (!done->is_boolean()) return std::nullopt;
    place.done = done->get<bool>();
  }
  if (json.contains("renamed_from") && !read(json, "renamed_from", place.renamed_from)) return std::nullopt;
  if (const auto begin = json.find("begin"); begin != json.end()) {
    FileCursor::Begin at;
    if (!begin->is_object() || !read(*begin, "offset", at.offset) || !read(*begin, "line", at.line)) {
      return std::nullopt;
    }
    place.begin = at;
  }
  return place;
}

}  // namespace

bool FileCursor::same_place(const FileCursor& other) const {
  return path == other.path && id == other.id && born_ns == other.born_ns && offset == other.offset &&
         line == other.line && done == other.done && known == other.known && hash == other.hash &&
         renamed_from == other.renamed_from;
}

std::string to_text(const std::vector<FileCursor>& places) {
  nlohmann::json files = nlohmann::json::array();
  for (const FileCursor& place : places) files.push_back(to_json(place));
  return nlohmann::json{{"files", std::move(files)}}.dump();
}

Result<std::vector<FileCursor>> to_file_cursors(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const auto files = json.is_object() ? json.find("files") : json.end();
  std::vector<FileCursor> places;
  bool good = json.is_object() && files != json.end() && files->is_array();
  if (good) {
    for (const nlohmann::json& one : *files) {
      auto place = to_place(one);
      good = good && place.has_value();
      if (place) places.push_back(std::move(*place));
    }
  }
  if (!good) return failure(fmt::format("'{}' is no place in files", text));
  return places;
}

Result<Changed> compare(const InputFile& file, const FileCursor& place) {
  if (place.known == 0) return Changed::no;
  if (file.id() != place.id) return Changed::other;
  if (file.size() < place.known) return Changed::cut;
  const auto hash = file.hash(place.known);
  if (!hash) return pass_on(hash);
  return *hash == place.hash ? Changed::no : Changed::rewritten;
}

Result<> remember(const InputFile& file, std::uint64_t offset, FileCursor& place) {
  const std::uint64_t known = file.streamed() ? file.size() : offset;
  const auto hash = file.hash(known);
  if (!hash) return pass_on(hash);
  place.id = file.id();
  place.offset = offset;
  place.known = known;
  place.hash = *hash;
  return {};
}

}  // namespace streamrun
