// yaml-cpp's events made into a tree, within limits: size with aliases expanded, depth, one document, unique
// keys and anchors, no tags.
#pragma once

#include <yaml-cpp/eventhandler.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/source_text.h"
#include "runner/base/syntax_tree.h"
#include "runner/config/yaml.h"
#include "runner/config/yaml_syntax_fault.h"

namespace streamrun {

// A node as it is written. Aliases share their target, so that a bomb stays small.
struct RawNode {
  SyntaxNode::Kind kind = SyntaxNode::Kind::null;
  bool plain = true;
  bool open = false;    // a collection that has not ended yet
  bool faulty = false;  // diagnosed; what else is wrong in it is so because of that
  Span span;
  LocatedText text;
  std::vector<RawNode*> children;  // of a mapping: keys and values in turns
  // With aliases expanded.
  std::size_t nodes = 1;
  std::size_t bytes = 0;
  std::size_t depth = 1;
};

class YamlTreeBuilder final : public YAML::EventHandler {
 public:
  // Thrown through yaml-cpp where going on makes no sense: a diagnostic was given.
  struct Stop {};

  YamlTreeBuilder(const SourceText& source, Diagnostics& diagnostics, YamlSize& size)
      : source_(source), file_(source.text()), diagnostics_(diagnostics), size_(size) {}

  const RawNode* root() const { return root_; }
  std::uint32_t offset(const YAML::Mark& mark) const;
  // Within what is faulty already, where more faults say nothing.
  bool in_faulty() const;
  // Behind the last text that was understood.
  std::uint32_t cursor() const { return cursor_; }

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override;
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
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

 private:
  struct Frame {
    RawNode* node = nullptr;
    bool flow = false;
    bool skip_value = false;  // of a key that stood before
    bool key_read = false;
    std::unordered_map<std::string, std::uint32_t> keys;  // and where they stand
    bool key_next() const { return node->kind == SyntaxNode::Kind::mapping && !key_read; }
  };

  [[noreturn]] void stop(std::string code, Span span, std::string message);
  [[noreturn]] void stop_at_key(Span place);
  void fault(std::string code, Span span, std::string message);
  bool in_flow() const { return !frames_.empty() && frames_.back().flow; }
  RawNode& make(SyntaxNode::Kind kind);
  std::uint32_t begin(const YAML::Mark& mark);
  void count(std::size_t nodes, std::size_t bytes, std::size_t depth, Span place);
  void start(SyntaxNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, YAML::EmitterStyle::value style);
  void end();
  void finish_anchor(RawNode& node, YAML::anchor_t anchor);
  void add(RawNode& node, std::optional<Span> alias = std::nullopt);
  void add_key(Frame& frame, RawNode& node, Span place);
  std::string_view written_null(std::uint32_t at) const;
  std::uint32_t empty_place() const;

  const SourceText& source_;
  std::string_view file_;
  Diagnostics& diagnostics_;
  YamlSize& size_;

  std::deque<RawNode> nodes_;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, RawNode*> anchors_;
  std::unordered_set<std::string> anchor_names_;
  RawNode* root_ = nullptr;
  std::uint32_t cursor_ = 0;
  std::size_t documents_ = 0;
  std::size_t faults_ = 0;
};

}  // namespace streamrun
