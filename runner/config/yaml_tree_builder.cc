#include "runner/config/yaml_tree_builder.h"

#include <fmt/format.h>
#include <yaml-cpp/mark.h>

#include <algorithm>

#include "runner/config/yaml_places.h"

namespace streamrun {
namespace {

constexpr std::size_t kDeepest = 100;
constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kMostFaults = 100;  // more help nobody

}  // namespace

std::uint32_t YamlTreeBuilder::offset(const YAML::Mark& mark) const {
  if (mark.pos < 0) return 0;
  return static_cast<std::uint32_t>(std::min<std::size_t>(static_cast<std::size_t>(mark.pos), file_.size()));
}

void YamlTreeBuilder::OnDocumentStart(const YAML::Mark& mark) {
  if (++documents_ == 1) return;
  const std::uint32_t at = offset(mark);
  // yaml-cpp starts a new document wherever the first one cannot go on.
  const bool marked = file_.find("\n---", cursor_ > 0 ? cursor_ - 1 : 0) < file_.size() || file_.substr(at, 3) == "---";
  if (marked) stop("second-document", {at, at}, "a second document begins here; one file holds one pipeline");
  if (auto cause = find_structure_fault(file_, at)) {
    stop(std::move(cause->code), cause->span, std::move(cause->message));
  }
  stop("yaml-syntax", {at, at}, fmt::format("this does not belong to the mapping above{}", kQuoteIt));
}
void YamlTreeBuilder::OnAnchor(const YAML::Mark& mark, const std::string& name) {
  const std::uint32_t at = offset(mark);
  if (!anchor_names_.insert(name).second) {
    fault("duplicate-anchor", {at, at + static_cast<std::uint32_t>(name.size()) + 1},
          fmt::format("the anchor '{}' is given twice; rename one of them", name));
  }
}

void YamlTreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  RawNode& node = make(SyntaxNode::Kind::null);
  const std::uint32_t start = begin(mark);
  const std::string_view word = written_null(start);
  if (start >= cursor_ && !word.empty()) {
    node.span = {start, start + static_cast<std::uint32_t>(word.size())};
    node.text = LocatedText(std::string(word), node.span);
    cursor_ = node.span.end;
  } else {
    const std::uint32_t at = empty_place();
    node.span = {at, at};
    node.text = LocatedText({}, node.span);
    if (in_flow() && frames_.back().node->kind == SyntaxNode::Kind::sequence) {
      const std::uint32_t here = std::max(cursor_, std::min(start, offset(mark)));
      fault("yaml-syntax", {here, here}, "an item is missing here; write null, or take away the comma");
    }
  }
  finish_anchor(node, anchor);
  add(node);
}

void YamlTreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const std::uint32_t at = offset(mark);
  std::uint32_t end = at + 1;
  while (end < file_.size() && std::string_view(" \t\r\n,[]{}").find(file_[end]) == std::string_view::npos) ++end;
  const Span place{at, std::min(end, static_cast<std::uint32_t>(file_.size()))};
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end()) stop("yaml-syntax", place, "this alias has no anchor");
  RawNode& target = *found->second;
  if (target.open) stop("alias-cycle", place, "this alias stands within what it names; that has no end");
  cursor_ = place.end;
  count(target.nodes, target.bytes, target.depth, place);
  add(target, place);
}

void YamlTreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                               const std::string& value) {
  RawNode& node = make(SyntaxNode::Kind::scalar);
  const std::uint32_t start = begin(mark);
  const ScalarStyle style = scalar_style(file_, start, tag == "?");
  node.plain = style == ScalarStyle::plain;
  const bool quoted = style == ScalarStyle::single_quoted || style == ScalarStyle::double_quoted;
  // yaml-cpp lets some quotes be closed by the end of the file.
  if (quoted && find_closing_quote(file_, start) == std::string_view::npos) {
    stop("yaml-syntax", {start, start + 1}, "this quote is never closed");
  }
  if (find_invalid_utf8(value) != std::string::npos) {
    stop("bad-utf8", {start, start + 1},
         "an escape in this text gives no UTF-8; write \\u00a0 for \\_ and \\u0085 for \\N, and no lone surrogates");
  }
  LocatedText written = locate_scalar(file_, start, style, value);
  node.span = written.whole();
  if (value.find('\0') != std::string::npos) {
    const auto at = static_cast<std::uint32_t>(value.find('\0'));
    stop("control-character", written.span(at, at + 1), "a NUL cannot stand in a text");
  }
  cursor_ = std::max(cursor_, node.span.end);
  if (style == ScalarStyle::plain) {
    if (auto cut = find_cut_expression(file_, written, in_flow())) {
      fault(std::move(cut->code), cut->span, std::move(cut->message));
      (in_flow() ? *frames_.back().node : node).faulty = true;
    }
  }
  node.text = std::move(written);
  node.bytes = node.text.value().size();
  count(0, node.bytes, 0, node.span);
  finish_anchor(node, anchor);
  add(node);
}

bool YamlTreeBuilder::in_faulty() const {
  return std::any_of(frames_.begin(), frames_.end(), [](const Frame& frame) { return frame.node->faulty; });
}

void YamlTreeBuilder::stop(std::string code, Span span, std::string message) {
  if (!in_faulty()) diagnostics_.error(std::move(code), span, std::move(message));
  throw Stop{};
}

void YamlTreeBuilder::stop_at_key(Span place) {
  // What is not closed is taken for a key.
  if (auto cause = find_structure_fault(file_, file_.size())) {
    stop(std::move(cause->code), cause->span, std::move(cause->message));
  }
  stop("yaml-syntax", place, fmt::format("a key is a name, not a list or a mapping{}", kQuoteIt));
}

void YamlTreeBuilder::fault(std::string code, Span span, std::string message) {
  if (in_faulty()) return;
  diagnostics_.error(std::move(code), span, std::move(message));
  if (++faults_ >= kMostFaults) throw Stop{};
}

RawNode& YamlTreeBuilder::make(SyntaxNode::Kind kind) {
  RawNode& node = nodes_.emplace_back();
  node.kind = kind;
  return node;
}

// Refuses tags on the way.
std::uint32_t YamlTreeBuilder::begin(const YAML::Mark& mark) {
  const NodeStart start = skip_properties(file_, offset(mark));
  // The mark of an empty node is that of the next token, which may be anything but its own tag.
  if (start.tag.end > start.tag.begin && start.tag.begin >= cursor_) {
    fault("tag", start.tag,
          fmt::format("'{}' is a YAML tag, which a pipeline has no use for; write `not` for a negation, or quote the "
                      "whole expression",
                      file_.substr(start.tag.begin, start.tag.end - start.tag.begin)));
  }
  count(1, 0, 1, {start.text, start.text});
  return start.text;
}

void YamlTreeBuilder::count(std::size_t nodes, std::size_t bytes, std::size_t depth, Span place) {
  size_.nodes += nodes;
  size_.bytes += bytes;
  if (size_.nodes > kMostNodes) {
    stop("too-many-nodes", place, "more than 100,000 values, aliases expanded");
  }
  if (size_.bytes > kLargestText) {
    stop("too-large", place, "more than 1 MiB of text, aliases expanded");
  }
  if (frames_.size() + depth > kDeepest) stop("too-deep", place, "nested more than 100 levels deep");
}

void YamlTreeBuilder::start(SyntaxNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor,
                            YAML::EmitterStyle::value style) {
  RawNode& node = make(kind);
  const std::uint32_t place = begin(mark);
  if (!frames_.empty() && frames_.back().key_next()) {
    stop_at_key({place, place + 1});
  }
  node.span = {place, place};
  node.open = true;
  if (anchor != YAML::NullAnchor) anchors_[anchor] = &node;
  Frame frame;
  frame.node = &node;
  // A pair within a flow sequence (`[a: b]`) has no bracket of its own.
  frame.flow = style == YAML::EmitterStyle::Flow;
  const bool bracket = place < file_.size() && (file_[place] == '[' || file_[place] == '{');
  if (frame.flow && bracket) cursor_ = std::max(cursor_, place + 1);
  frames_.push_back(std::move(frame));
}

void YamlTreeBuilder::end() {
  RawNode& node = *frames_.back().node;
  const bool flow = frames_.back().flow;
  frames_.pop_back();
  node.open = false;
  for (const RawNode* child : node.children) {
    node.nodes += child->nodes;
    node.bytes += child->bytes;
    node.depth = std::max(node.depth, child->depth + 1);
  }
  if (flow) {
    // The bracket that closes it is the next one behind the last value.
    const char opening = node.span.begin < file_.size() ? file_[node.span.begin] : ' ';
    const std::size_t close = opening == '['   ? file_.find(']', cursor_)
                              : opening == '{' ? file_.find('}', cursor_)
                                               : std::string_view::npos;
    if (close < file_.size()) cursor_ = static_cast<std::uint32_t>(close) + 1;
    node.span.end = cursor_;
  } else if (node.children.empty()) {
    node.span.end = node.span.begin;
  } else {
    // A block's place is its first key or dash: whole blocks would be underlined to no use.
    node.span.end = node.kind == SyntaxNode::Kind::mapping ? std::max(node.span.begin, node.children.front()->span.end)
                                                           : node.span.begin + 1;
  }
  add(node);
}

void YamlTreeBuilder::finish_anchor(RawNode& node, YAML::anchor_t anchor) {
  if (anchor != YAML::NullAnchor) anchors_[anchor] = &node;
}

// A value (or key) is complete.
void YamlTreeBuilder::add(RawNode& node, std::optional<Span> alias) {
  if (frames_.empty()) {
    root_ = &node;
    return;
  }
  Frame& frame = frames_.back();
  if (frame.node->kind == SyntaxNode::Kind::sequence) {
    frame.node->children.push_back(&node);
    return;
  }
  if (frame.key_read) {
    frame.key_read = false;
    if (!frame.skip_value) frame.node->children.push_back(&node);
    frame.skip_value = false;
    return;
  }
  add_key(frame, node, alias.value_or(node.span));
}

void YamlTreeBuilder::add_key(Frame& frame, RawNode& node, Span place) {
  if (node.kind == SyntaxNode::Kind::sequence || node.kind == SyntaxNode::Kind::mapping) {
    stop_at_key(place);
  }
  frame.key_read = true;
  const std::string& name = node.text.value();
  if (name.empty() && node.kind == SyntaxNode::Kind::null) {
    fault("yaml-syntax", place, fmt::format("a key is missing here{}", kQuoteIt));
  } else if (name == "<<") {
    fault("merge-key", place,
          "merge keys ('<<') are not part of YAML 1.2; use an alias as a value, or repeat the keys");
    frame.skip_value = true;
    return;
  }
  const auto [before, fresh] = frame.keys.emplace(name, place.begin);
  if (!fresh) {
    fault("duplicate-key", place,
          fmt::format("the key '{}' is given twice in this mapping; the first is in line {}", name,
                      source_.locate(before->second).line));
    frame.skip_value = true;
    return;
  }
  frame.node->children.push_back(&node);
}

// `null`, `~`… at `at`, if that is a whole plain scalar and no key of the next entry.
std::string_view YamlTreeBuilder::written_null(std::uint32_t at) const {
  for (const std::string_view word : {"null", "Null", "NULL", "~"}) {
    if (file_.substr(at, word.size()) != word) continue;
    std::size_t behind = at + word.size();
    if (behind < file_.size() && std::string_view(" \t\r\n,]}:").find(file_[behind]) == std::string_view::npos)
      continue;
    const Frame* frame = frames_.empty() ? nullptr : &frames_.back();
    if (frame != nullptr && !frame->flow && frame->node->kind == SyntaxNode::Kind::mapping && frame->key_read) {
      while (behind < file_.size() && (file_[behind] == ' ' || file_[behind] == '\t')) ++behind;
      if (behind < file_.size() && file_[behind] == ':') return {};
    }
    return file_.substr(at, word.size());
  }
  return {};
}

// Where an empty value would stand: behind its colon or dash.
std::uint32_t YamlTreeBuilder::empty_place() const {
  const char sign = frames_.empty()                                           ? ' '
                    : frames_.back().flow                                     ? ':'
                    : frames_.back().node->kind == SyntaxNode::Kind::sequence ? '-'
                                                                              : ':';
  std::size_t at = cursor_;
  while (at < file_.size() && std::string_view(" \t\r\n").find(file_[at]) != std::string_view::npos) ++at;
  if (at < file_.size() && file_[at] == sign && !(sign == ':' && frames_.back().key_next())) {
    return static_cast<std::uint32_t>(at + 1);
  }
  return cursor_;
}

}  // namespace streamrun
