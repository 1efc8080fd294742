#include "operators/sources/file_place.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "runner/data/text_value.h"

namespace streamrun {
namespace {

// A path may hold any byte, JSON may not.
std::string escape(const std::string& path) {
  if (is_utf8(path) && path.find('%') == std::string::npos) return path;
  std::string escaped;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || byte >= 0x80) {
      escaped += fmt::format("%{:02X}", byte);
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::optional<std::string> unescape(const std::string& escaped) {
  std::string path;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '%') {
      path += escaped[i];
      continue;
    }
    if (i + 2 >= escaped.size()) return std::nullopt;
    unsigned byte = 0;
    const char* const end = escaped.data() + i + 3;
    if (std::from_chars(escaped.data() + i + 1, end, byte, 16).ptr != end) return std::nullopt;
    path += static_cast<char>(byte);
    i += 2;
  }
  return path;
}

nlohmann::json to_json(const FilePlace& place) {
  nlohmann::json json{{"path", escape(place.path)},
                      {"device", place.id.device},
                      {"inode", place.id.inode},
                      {"offset", place.offset},
                      {"line", place.line},
                      {"known", place.known},
                      {"hash", fmt::format("{:016x}", place.hash)}};
  if (!place.renamed_from.empty()) json["renamed_from"] = escape(place.renamed_from);
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
  auto unescaped = unescape(found->get<std::string>());
  if (unescaped) path = std::move(*unescaped);
  return unescaped.has_value();
}

std::optional<FilePlace> to_place(const nlohmann::json& json) {
  FilePlace place;
  if (!json.is_object()) return std::nullopt;
  std::string hash;
  if (!read(json, "path", place.path) || !read(json, "device", place.id.device) ||
      !read(json, "inode", place.id.inode) || !read(json, "offset", place.offset) || !read(json, "line", place.line) ||
      !read(json, "known", place.known) || !read(json, "hash", hash)) {
    return std::nullopt;
  }
  const char* const end = hash.data() + hash.size();
  if (std::from_chars(hash.data(), end, place.hash, 16).ptr != end) return std::nullopt;
  if (json.contains("renamed_from") && !read(json, "renamed_from", place.renamed_from)) return std::nullopt;
  if (const auto begin = json.find("begin"); begin != json.end()) {
    FilePlace::Begin at;
    if (!begin->is_object() || !read(*begin, "offset", at.offset) || !read(*begin, "line", at.line)) {
      return std::nullopt;
    }
    place.begin = at;
  }
  return place;
}

}  // namespace

bool FilePlace::same_place(const FilePlace& other) const {
  return path == other.path && id == other.id && offset == other.offset && line == other.line && known == other.known &&
         hash == other.hash && renamed_from == other.renamed_from;
}

std::string to_text(const std::vector<FilePlace>& places) {
  nlohmann::json files = nlohmann::json::array();
  for (const FilePlace& place : places) files.push_back(to_json(place));
  return nlohmann::json{{"files", std::move(files)}}.dump();
}

Result<std::vector<FilePlace>> to_file_places(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const auto files = json.is_object() ? json.find("files") : json.end();
  std::vector<FilePlace> places;
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

Result<Changed> compare(const InputFile& file, const FilePlace& place) {
  if (place.known == 0) return Changed::no;
  if (file.id() != place.id) return Changed::other;
  if (file.size() < place.known) return Changed::cut;
  const auto hash = file.hash(place.known);
  if (!hash) return pass_on(hash);
  return *hash == place.hash ? Changed::no : Changed::rewritten;
}

Result<> remember(const InputFile& file, std::uint64_t offset, FilePlace& place) {
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
