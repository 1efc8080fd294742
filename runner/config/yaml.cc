#include "runner/config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "runner/config/yaml_places.h"
#include "runner/config/yaml_variables.h"

namespace streamrun {
namespace {

constexpr std::size_t kDeepest = 100;
constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kMostText = std::size_t{1} << 20;
constexpr std::size_t kMostFaults = 100;  // more help nobody

constexpr std::string_view kQuoteIt = "; if an expression was cut, quote the whole expression";

// Ends the parse: a diagnostic was given.
struct Stop {};

// A node as it is written. Aliases share their target, so that a bomb stays small.
struct RawNode {
  SyntaxNode::Kind kind = SyntaxNode::Kind::null;
  bool plain = true;
  bool open = false;  // a collection that has not ended yet
  Span span;
  LocatedText text;
  std::vector<RawNode*> children;  // of a mapping: keys and values in turns
  // With aliases expanded.
  std::size_t nodes = 1;
  std::size_t bytes = 0;
  std::size_t depth = 1;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const SourceText& source, const YamlOptions& options, Diagnostics& diagnostics)
      : source_(source), file_(source.text()), options_(options), diagnostics_(diagnostics) {}

  const RawNode* root() const { return root_; }
  std::uint32_t offset(const YAML::Mark& mark) const {
    if (mark.pos < 0) return 0;
    return static_cast<std::uint32_t>(std::min<std::size_t>(static_cast<std::size_t>(mark.pos), file_.size()));
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    const std::uint32_t at = offset(mark);
    // yaml-cpp starts a new document wherever the first one cannot go on.
    const bool marked =
        file_.find("\n---", cursor_ > 0 ? cursor_ - 1 : 0) < file_.size() || file_.substr(at, 3) == "---";
    if (marked) stop("second-document", {at, at}, "a second document begins here; one file holds one pipeline");
    stop("yaml-syntax", {at, at}, fmt::format("this does not belong to the mapping above{}", kQuoteIt));
  }
  void OnDocumentEnd() override {}

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    const std::uint32_t at = offset(mark);
    if (!anchor_names_.insert(name).second) {
      fault("duplicate-anchor", {at, at + static_cast<std::uint32_t>(name.size()) + 1},
            fmt::format("the anchor '{}' is given twice; rename one of them", name));
    }
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RawNode& node = make(SyntaxNode::Kind::null);
    const NodeStart start = begin(mark);
    const std::string_view word = written_null(start.text);
    if (start.text >= cursor_ && !word.empty()) {
      node.span = {start.text, start.text + static_cast<std::uint32_t>(word.size())};
      node.text = LocatedText(std::string(word), node.span);
      cursor_ = node.span.end;
    } else {
      const std::uint32_t at = empty_place();
      node.span = {at, at};
      node.text = LocatedText({}, node.span);
      const Frame* frame = frames_.empty() ? nullptr : &frames_.back();
      if (frame != nullptr && frame->flow && frame->node->kind == SyntaxNode::Kind::sequence) {
        const std::uint32_t here = std::max(cursor_, std::min(start.text, offset(mark)));
        fault("yaml-syntax", {here, here}, "an item is missing here; write null, or take away the comma");
      }
    }
    finish_anchor(node, anchor);
    add(node);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
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

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RawNode& node = make(SyntaxNode::Kind::scalar);
    const NodeStart start = begin(mark);
    const ScalarStyle style = scalar_style(file_, start.text, tag == "?");
    node.plain = style == ScalarStyle::plain;
    const bool quoted = style == ScalarStyle::single_quoted || style == ScalarStyle::double_quoted;
    // yaml-cpp lets some quotes be closed by the end of the file.
    if (quoted && find_closing_quote(file_, start.text) == std::string_view::npos) {
      stop("yaml-syntax", {start.text, start.text + 1}, "this quote is never closed");
    }
    if (find_invalid_utf8(value) != std::string::npos) {
      stop("bad-utf8", {start.text, start.text + 1},
           "an escape in this text gives no UTF-8; write \\u00a0 for \\_ and \\u0085 for \\N, and no lone surrogates");
    }
    LocatedText written = locate_scalar(file_, start.text, style, value);
    node.span = written.whole();
    if (value.find('\0') != std::string::npos) {
      const auto at = static_cast<std::uint32_t>(value.find('\0'));
      stop("control-character", written.span(at, at + 1), "a NUL cannot stand in a text");
    }
    cursor_ = std::max(cursor_, node.span.end);
    if (style == ScalarStyle::plain) check_cut(written);
    const bool key = !frames_.empty() && frames_.back().key_next();
    if (key) {
      node.text = std::move(written);
    } else {
      const std::size_t before = diagnostics_.error_count();
      Replaced replaced = replace_variables(written, options_, diagnostics_);
      faults_ += diagnostics_.error_count() - before;
      node.text = std::move(replaced.text);
      node.plain = node.plain || (replaced.whole && style == ScalarStyle::double_quoted);
    }
    node.bytes = node.text.value().size();
    count(0, node.bytes, 0, node.span);
    finish_anchor(node, anchor);
    add(node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    start(SyntaxNode::Kind::sequence, mark, anchor, style);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    start(SyntaxNode::Kind::mapping, mark, anchor, style);
  }
  void OnMapEnd() override { end(); }

  // What yaml-cpp could not go on with at `at` may have begun further up, behind what was understood.
  void explain_fault(std::uint32_t at, const std::string& words) {
    const std::size_t line = file_.rfind('\n', at == 0 ? 0 : at - 1);
    const std::size_t line_start = line == std::string_view::npos || at == 0 ? 0 : line + 1;
    const std::string_view indent = file_.substr(line_start, file_.find_first_not_of(" \t", line_start) - line_start);
    const std::size_t tab = indent.find('\t');
    std::size_t next = std::min<std::size_t>(file_.find_first_not_of(" \t:-", cursor_), file_.size());
    if (next < file_.size() && next <= at && file_[next] == '!') {
      const auto place = static_cast<std::uint32_t>(next);
      stop("tag", {place, place + 1},
           "a '!' begins a YAML tag; write `not` for a negation, or quote the whole expression");
    }
    if (tab != std::string_view::npos && line_start + indent.size() <= at + 1U) {
      const auto place = static_cast<std::uint32_t>(line_start + tab);
      stop("yaml-syntax", {place, place + 1}, "a tab cannot indent; write blanks");
    }
    if (at >= file_.size() && words.find(YAML::ErrorMsg::EOF_IN_SCALAR) != std::string::npos) {
      for (next = cursor_; next < file_.size(); ++next) {
        const bool opens = (file_[next] == '\'' || file_[next] == '"') &&
                           (next == 0 || std::string_view(" \t\n[{,:").find(file_[next - 1]) != std::string_view::npos);
        if (!opens) continue;
        const std::size_t close = find_closing_quote(file_, next);
        if (close == std::string_view::npos) {
          const auto place = static_cast<std::uint32_t>(next);
          stop("yaml-syntax", {place, place + 1}, "this quote is never closed");
        }
        next = close;
      }
    }
  }

  [[noreturn]] void stop(std::string code, Span span, std::string message) {
    diagnostics_.error(std::move(code), span, std::move(message));
    throw Stop{};
  }

 private:
  struct Frame {
    RawNode* node = nullptr;
    bool flow = false;
    bool skip_value = false;  // of a key that stood before
    bool key_read = false;
    std::unordered_map<std::string, std::uint32_t> keys;  // and where they stand
    bool key_next() const { return node->kind == SyntaxNode::Kind::mapping && !key_read; }
  };

  void fault(std::string code, Span span, std::string message) {
    diagnostics_.error(std::move(code), span, std::move(message));
    if (++faults_ >= kMostFaults) throw Stop{};
  }

  RawNode& make(SyntaxNode::Kind kind) {
    RawNode& node = nodes_.emplace_back();
    node.kind = kind;
    return node;
  }

  // Refuses tags on the way.
  NodeStart begin(const YAML::Mark& mark) {
    const NodeStart start = skip_properties(file_, offset(mark));
    // The mark of an empty node is that of the next token, which may be anything but its own tag.
    if (start.tag.end > start.tag.begin && start.tag.begin >= cursor_) {
      fault("tag", start.tag,
            fmt::format("'{}' is a YAML tag, which a pipeline has no use for; write `not` for a negation, or quote the "
                        "whole expression",
                        file_.substr(start.tag.begin, start.tag.end - start.tag.begin)));
    }
    count(1, 0, 1, {start.text, start.text});
    return start;
  }

  void count(std::size_t nodes, std::size_t bytes, std::size_t depth, Span place) {
    total_nodes_ += nodes;
    total_bytes_ += bytes;
    if (total_nodes_ > kMostNodes) {
      stop("too-many-nodes", place, "more than 100,000 values, aliases expanded");
    }
    if (total_bytes_ > kMostText) {
      stop("too-large", place, "more than 1 MiB of text, aliases and variables expanded");
    }
    if (frames_.size() + depth > kDeepest) stop("too-deep", place, "nested more than 100 levels deep");
  }

  void start(SyntaxNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
    RawNode& node = make(kind);
    const NodeStart place = begin(mark);
    if (!frames_.empty() && frames_.back().key_next()) {
      stop("yaml-syntax", {place.text, place.text + 1},
           fmt::format("a key is a name, not a list or a mapping{}", kQuoteIt));
    }
    node.span = {place.text, place.text};
    node.open = true;
    if (anchor != YAML::NullAnchor) anchors_[anchor] = &node;
    Frame frame;
    frame.node = &node;
    // A pair within a flow sequence (`[a: b]`) has no bracket of its own.
    frame.flow = style == YAML::EmitterStyle::Flow;
    const bool bracket = place.text < file_.size() && (file_[place.text] == '[' || file_[place.text] == '{');
    if (frame.flow && bracket) cursor_ = std::max(cursor_, place.text + 1);
    frames_.push_back(std::move(frame));
  }

  void end() {
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
      node.span.end = node.kind == SyntaxNode::Kind::mapping
                          ? std::max(node.span.begin, node.children.front()->span.end)
                          : node.span.begin + 1;
    }
    add(node);
  }

  void finish_anchor(RawNode& node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = &node;
  }

  // A value (or key) is complete.
  void add(RawNode& node, std::optional<Span> alias = std::nullopt) {
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
    const Span place = alias.value_or(node.span);
    if (node.kind == SyntaxNode::Kind::sequence || node.kind == SyntaxNode::Kind::mapping) {
      stop("yaml-syntax", place, "a key is a name, not a list or a mapping");
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
  std::string_view written_null(std::uint32_t at) const {
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
  std::uint32_t empty_place() const {
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

  // A plain text that YAML ended within a bracket or a quote: `{f: concat(a, b)}`, `f: a = 'x #1'`.
  void check_cut(const LocatedText& text) {
    const bool flow = !frames_.empty() && frames_.back().flow;
    std::size_t behind = text.whole().end;
    const std::size_t end = behind;
    while (behind < file_.size() && (file_[behind] == ' ' || file_[behind] == '\t')) ++behind;
    const char next = behind < file_.size() ? file_[behind] : '\n';
    const bool comment = next == '#' && behind > end;
    const bool cut_by_flow = flow && (next == ',' || next == '[' || next == ']' || next == '{' || next == '}');
    if (!comment && !cut_by_flow) return;
    int parentheses = 0;
    char quote = '\0';
    const std::string& value = text.value();
    for (std::size_t i = 0; i < value.size(); ++i) {
      const char c = value[i];
      if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if ((c == '\'' || c == '"' || c == '`') &&
                 (i == 0 || std::string_view(" (=<>|+,").find(value[i - 1]) != std::string_view::npos)) {
        quote = c;
      } else if (c == '(') {
        ++parentheses;
      } else if (c == ')') {
        --parentheses;
      }
    }
    if (parentheses > 0 || quote != '\0') {
      stop("cut-expression", text.whole(),
           fmt::format("YAML ends this text at '{}', within a {}; quote the whole expression", next,
                       quote != '\0' ? "quote" : "bracket"));
    }
  }

  const SourceText& source_;
  std::string_view file_;
  const YamlOptions& options_;
  Diagnostics& diagnostics_;

  std::deque<RawNode> nodes_;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, RawNode*> anchors_;
  std::unordered_set<std::string> anchor_names_;
  RawNode* root_ = nullptr;
  std::uint32_t cursor_ = 0;  // behind the last text that was understood
  std::size_t documents_ = 0;
  std::size_t total_nodes_ = 0;
  std::size_t total_bytes_ = 0;
  std::size_t faults_ = 0;
};

// Depth and size are bounded by now.
SyntaxNode expand(const RawNode& raw) {
  SyntaxNode node;
  node.kind = raw.kind;
  node.plain = raw.plain;
  node.span = raw.span;
  node.text = raw.text;
  if (raw.kind == SyntaxNode::Kind::sequence) {
    node.items.reserve(raw.children.size());
    for (const RawNode* child : raw.children) node.items.push_back(expand(*child));
  } else {
    for (std::size_t i = 0; i + 1 < raw.children.size(); i += 2) {
      node.entries.push_back({raw.children[i]->text, expand(*raw.children[i + 1])});
    }
  }
  return node;
}

struct SyntaxFault {
  std::string code = "yaml-syntax";
  std::string message;
};

// yaml-cpp's words, where they need others or a remedy.
SyntaxFault explain(const std::string& words, char at) {
  const auto says = [&words](std::string_view text) { return words.find(text) != std::string::npos; };
  if (says(YAML::ErrorMsg::END_OF_MAP_FLOW))
    return {"yaml-syntax", fmt::format("a '}}' or ',' is missing here{}", kQuoteIt)};
  if (says(YAML::ErrorMsg::END_OF_SEQ_FLOW))
    return {"yaml-syntax", fmt::format("a ']' or ',' is missing here{}", kQuoteIt)};
  if (says(YAML::ErrorMsg::FLOW_END)) return {"yaml-syntax", fmt::format("this bracket closes nothing{}", kQuoteIt)};
  if (says(YAML::ErrorMsg::MAP_VALUE)) return {"yaml-syntax", fmt::format("a ':' cannot stand here{}", kQuoteIt)};
  if (says(YAML::ErrorMsg::END_OF_MAP) || says(YAML::ErrorMsg::END_OF_SEQ)) {
    return {"yaml-syntax", fmt::format("this does not fit the lines above; check the indentation{}", kQuoteIt)};
  }
  if (says(YAML::ErrorMsg::BLOCK_ENTRY)) return {"yaml-syntax", fmt::format("a '-' cannot stand here{}", kQuoteIt)};
  if (says(YAML::ErrorMsg::MAP_KEY)) return {"yaml-syntax", fmt::format("a '?' cannot stand here{}", kQuoteIt)};
  if (says(YAML::ErrorMsg::EOF_IN_SCALAR)) return {"yaml-syntax", "this quote is never closed"};
  if (says(YAML::ErrorMsg::DOC_IN_SCALAR))
    return {"yaml-syntax", "a document ends within this quote; the quote is not closed"};
  if (says(YAML::ErrorMsg::TAB_IN_INDENTATION)) return {"yaml-syntax", "a tab cannot indent; write blanks"};
  if (says(YAML::ErrorMsg::UNKNOWN_ANCHOR) || says(YAML::ErrorMsg::ALIAS_NOT_FOUND) ||
      says(YAML::ErrorMsg::CHAR_IN_ALIAS)) {
    return {"unknown-alias", "no anchor of this name stands above; if no alias is meant, quote the whole expression"};
  }
  if (says(YAML::ErrorMsg::ANCHOR_NOT_FOUND) || says(YAML::ErrorMsg::CHAR_IN_ANCHOR)) {
    return {"yaml-syntax", "an anchor needs a name; if none is meant, quote the whole expression"};
  }
  if (says("tag")) return {"tag", "a '!' begins a YAML tag; write `not` for a negation, or quote the whole expression"};
  if (says(YAML::ErrorMsg::UNKNOWN_TOKEN)) {
    if (at == '\t') return {"yaml-syntax", "a tab cannot indent; write blanks"};
    return {"yaml-syntax", at == '\0' ? "this is no YAML"
                                      : fmt::format("a text cannot begin with '{}'; quote the whole expression", at)};
  }
  return {"yaml-syntax", words};
}

}  // namespace

std::optional<SyntaxNode> parse_yaml(const SourceText& source, const YamlOptions& options, Diagnostics& diagnostics) {
  if (!check_text(source, diagnostics)) return std::nullopt;
  TreeBuilder builder(source, options, diagnostics);
  try {
    std::istringstream stream{std::string(source.text())};
    YAML::Parser parser(stream);
    // The second call finds a second document, if there is one, and the builder refuses it.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const Stop&) {
    return std::nullopt;
  } catch (const YAML::Exception& fault) {
    const std::uint32_t at = builder.offset(fault.mark);
    const std::string_view text = source.text();
    const char c = at < text.size() && static_cast<unsigned char>(text[at]) >= 0x20 ? text[at]
                   : at < text.size() && text[at] == '\t'                           ? '\t'
                                                                                    : '\0';
    try {
      builder.explain_fault(at, fault.msg);
    } catch (const Stop&) {
      return std::nullopt;
    }
    SyntaxFault found = explain(fault.msg, static_cast<unsigned char>(c) < 0x80 ? c : '\0');
    diagnostics.error(std::move(found.code), {at, at}, std::move(found.message));
    return std::nullopt;
  } catch (const std::exception& fault) {
    diagnostics.error("yaml-syntax", {}, fault.what());
    return std::nullopt;
  }
  const RawNode* root = builder.root();
  if (root == nullptr || (root->kind == SyntaxNode::Kind::null && root->text.value().empty())) {
    diagnostics.error("empty-file", {}, "the file is empty");
    return std::nullopt;
  }
  return expand(*root);
}

}  // namespace streamrun
