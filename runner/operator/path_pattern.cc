#include "runner/operator/path_pattern.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <utility>

#include "runner/data/text_value.h"

namespace streamrun {
namespace {

// Of the C locale; those that read a time zone's name or say nothing of a moment are left out.
constexpr std::string_view kTimeLetters = "aAbBcCdDeFgGhHIjmMnprRsStTuUVwWxXyYzZ";

// Values of a route are set apart by a byte that no escaped component holds.
constexpr char kRouteEnd = '\0';

void append_time(BatchTime batch, const std::string& pattern, std::string& out) {
  std::int64_t seconds = batch.value / 1000;
  if (batch.value % 1000 < 0) --seconds;
  const time_t moment = static_cast<time_t>(seconds);
  tm parts{};
  gmtime_r(&moment, &parts);
  std::array<char, 256> buffer{};
  out.append(buffer.data(), strftime(buffer.data(), buffer.size(), pattern.c_str(), &parts));
}

bool begins_escape(std::string_view text) {
  const auto hex = [&](std::size_t i) { return std::isxdigit(static_cast<unsigned char>(text[i])) != 0; };
  return text.size() >= 3 && text[0] == '%' && hex(1) && hex(2);
}

}  // namespace

void append_path_component(std::string_view value, std::string& out) {
  if (value.empty()) {
    out += "%00";
  } else if (value == "." || value == "..") {
    for (std::size_t i = 0; i < value.size(); ++i) out += "%2E";
  } else {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const char c = value[i];
      const auto byte = static_cast<unsigned char>(c);
      if (c == '/' || byte < 0x20 || byte == 0x7f || begins_escape(value.substr(i))) {
        fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
      } else {
        out += c;
      }
    }
  }
}

struct PathPattern::OwnName {
  std::string_view name;
  Kind kind;
  std::string_view meaning;
};
constexpr PathPattern::OwnName PathPattern::kOwnNames[] = {{"batch", Kind::batch, "the batch's time"},
                                                           {"output", Kind::output, "the output's name"},
                                                           {"partition", Kind::partition, "the partition's number"},
                                                           {"part", Kind::part, "the part's number"}};

std::optional<PathPattern> PathPattern::parse(std::string_view text, Span span, const Schema& schema,
                                              Diagnostics& diagnostics) {
  PathPattern made;
  std::string literal;
  std::optional<std::size_t> first_routed;  // the piece that a row's value first changes
  bool good = true;
  const auto flush = [&] {
    if (!literal.empty()) made.pieces_.push_back({Kind::text, std::exchange(literal, {}), 0});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if ((c == '{' && next == '{') || (c == '}' && next == '}') || (c == '%' && next == '%')) {
      literal += c;
      ++i;
    } else if (c == '{') {
      const std::size_t close = text.find('}', i);
      if (close == std::string_view::npos) {
        diagnostics.error("bad-path", span, fmt::format("'{}' has a '{{' without its '}}'; '{{{{' is a brace", text));
        return std::nullopt;
      }
      flush();
      good &= made.add_name(text.substr(i + 1, close - i - 1), span, schema, diagnostics);
      if (made.routes() && !first_routed) first_routed = made.pieces_.size() - 1;
      i = close;
    } else if (c == '%') {
      if (next == '\0' || kTimeLetters.find(next) == std::string_view::npos) {
        diagnostics.error("bad-path", span,
                          fmt::format("'%{}' in '{}' is no strftime conversion; '%%' is a percent",
                                      next == '\0' ? std::string{} : std::string(1, next), text));
        return std::nullopt;
      }
      flush();
      made.pieces_.push_back({Kind::time, {'%', next}, 0});
      made.has_time_ = true;
      ++i;
    } else if (c == '\0') {
      diagnostics.error("bad-path", span, "a path cannot hold a zero byte");
      return std::nullopt;
    } else {
      literal += c;
    }
  }
  flush();
  if (!good) return std::nullopt;
  // Only plain text counts as a folder that nothing changes: it is opened as the root of what data names.
  for (std::size_t i = 0; i < made.pieces_.size() && (!first_routed || i < *first_routed); ++i) {
    if (made.pieces_[i].kind != Kind::text) break;
    made.literal_folder_ += made.pieces_[i].text;
  }
  made.literal_folder_.resize(made.literal_folder_.rfind('/') + 1);
  return made;
}

// `{batch}` is ours whatever the columns: streams of errors have one of that name and meaning. Of the others a column's
// name asks which is meant: `{part()}` is ours, and what is in backquotes a column.
bool PathPattern::add_name(std::string_view written, Span span, const Schema& schema, Diagnostics& diagnostics) {
  const bool called = written.ends_with("()");
  const bool quoted = written.size() > 2 && written.starts_with('`') && written.ends_with('`');
  const std::string_view name = called   ? written.substr(0, written.size() - 2)
                                : quoted ? written.substr(1, written.size() - 2)
                                         : written;
  const auto own = std::ranges::find(kOwnNames, name, &OwnName::name);
  const auto column = schema.find(name);
  if (own != std::end(kOwnNames) && !quoted) {
    if (column && !called && own->kind != Kind::batch) {
      diagnostics.error("ambiguous-name", span,
                        fmt::format("'{{{0}}}' may be {1} or column '{0}'; write {{{0}()}} for {1}, {{`{0}`}} for the "
                                    "column",
                                    name, own->meaning));
      return false;
    }
    has_batch_ = has_batch_ || own->kind == Kind::batch;
    has_time_ = has_time_ || own->kind == Kind::batch;
    has_partition_ = has_partition_ || own->kind == Kind::partition;
    has_part_ = has_part_ || own->kind == Kind::part;
    pieces_.push_back({own->kind, {}, 0});
    return true;
  }
  if (column && !called) {
    columns_.push_back(*column);
    pieces_.push_back({Kind::column, {}, *column});
    return true;
  }
  std::vector<std::string_view> candidates;
  for (const OwnName& one : kOwnNames) candidates.push_back(one.name);
  for (std::uint32_t i = 0; i < schema.size(); ++i) candidates.push_back(schema.at(i).name);
  diagnostics.error("unknown-column", span,
                    fmt::format("'{{{}}}' names no column and is none of {{batch}}, {{output}}, {{partition}} and "
                                "{{part}}{}",
                                written, did_you_mean(name, candidates)));
  return false;
}

bool PathPattern::fixed() const {
  return std::all_of(pieces_.begin(), pieces_.end(),
                     [](const Piece& piece) { return piece.kind == Kind::text || piece.kind == Kind::output; });
}

std::size_t PathPattern::varying_folders(std::string_view output) const {
  std::string route;
  for (const Piece& piece : pieces_) {
    if (piece.kind == Kind::partition || piece.kind == Kind::column) route += {'_', kRouteEnd};
  }
  const std::string path = render(BatchTime(0), output, route, 0);
  std::size_t folders = 0;
  for (std::size_t i = literal_folder_.size() + 1; i < path.size(); ++i) {
    folders += path[i] == '/' && path[i - 1] != '/' ? 1 : 0;
  }
  return folders;
}

std::string PathPattern::describe(std::string_view output) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Kind::text:
      case Kind::time: out += piece.text; break;
      case Kind::batch: out += "{batch}"; break;
      case Kind::output: out += output; break;
      case Kind::partition: out += "{partition}"; break;
      case Kind::part: out += "{part}"; break;
      case Kind::column: out += fmt::format("{{{}}}", piece.column); break;
    }
  }
  return out;
}

NameShape PathPattern::shape(std::string_view output) const {
  NameShape shape;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Kind::text: add_text(piece.text, shape); break;
      case Kind::time: add_time(piece.text[1], shape); break;
      case Kind::output: add_text(output, shape); break;
      case Kind::batch:
      case Kind::partition:
      case Kind::part: add_number(shape); break;
      case Kind::column: add_any_value(shape); break;
    }
  }
  return shape;
}

void PathPattern::route_of(std::span<const ColumnPtr> columns, std::uint32_t row, PartitionIndex partition,
                           std::string& route) const {
  std::string text;
  for (const Piece& piece : pieces_) {
    if (piece.kind == Kind::partition) {
      route += std::to_string(partition.value);
      route += kRouteEnd;
    } else if (piece.kind == Kind::column) {
      const Column& column = *columns[piece.column];
      if (column.is_null(row)) {
        route += "null";
      } else {
        text.clear();
        append_text(column, row, text);
        append_path_component(text, route);
      }
      route += kRouteEnd;
    }
  }
}

std::string PathPattern::render(BatchTime batch, std::string_view output, std::string_view route,
                                std::uint32_t part) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Kind::text: out += piece.text; break;
      case Kind::time: append_time(batch, piece.text, out); break;
      case Kind::batch: out += std::to_string(batch.value); break;
      case Kind::output: out += output; break;
      case Kind::part: out += std::to_string(part); break;
      case Kind::partition:
      case Kind::column: {
        const std::size_t end = std::min(route.find(kRouteEnd), route.size());
        out += route.substr(0, end);
        route.remove_prefix(std::min(end + 1, route.size()));
        break;
      }
    }
  }
  return out;
}

}  // namespace streamrun
