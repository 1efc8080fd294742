#include "runner/config/yaml_variables.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runner/config/yaml.h"
#include "runner/config/yaml_places.h"

namespace streamrun {
namespace {

constexpr int kDeepest = 10;  // defaults within defaults

bool is_name_start(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}
bool is_name(char c) {
  return is_name_start(c) || (c >= '0' && c <= '9');
}

class ScalarReplacer {
 public:
  ScalarReplacer(const LocatedText& scalar, const VariableLookup& lookup, Diagnostics& diagnostics)
      : scalar_(scalar), text_(scalar.value()), lookup_(lookup), diagnostics_(diagnostics) {}

  // One `${…}` and nothing else.
  bool whole() const { return text_.substr(0, 2) == "${" && closing_brace(2) == text_.size() - 1; }

  LocatedText run() {
    expand(0, text_.size(), 0);
    runs_.add(made_.size(), place(text_.size(), text_.size()).begin, true);
    return LocatedText(std::move(made_), scalar_.whole(), std::move(runs_).take());
  }

 private:
  Span place(std::size_t begin, std::size_t end) const {
    return scalar_.span(static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end));
  }

  // The brace that closes the one before `at`, or npos.
  std::size_t closing_brace(std::size_t at) const {
    std::size_t open = 1;
    for (; at < text_.size(); ++at) {
      if (text_[at] == '{') ++open;
      if (text_[at] == '}' && --open == 0) return at;
    }
    return std::string_view::npos;
  }

  // One to one only where the file has the same byte there: an escape's bytes share a place.
  void copy(std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end; ++at) {
      const Span here = place(at, at + 1);
      runs_.add(made_.size(), here.begin, here.end - here.begin == 1);
      made_ += text_[at];
    }
  }

  void expand(std::size_t at, std::size_t end, int depth) {
    while (at < end && made_.size() <= kLargestText) {
      const std::size_t dollar = std::min(text_.find('$', at), end);
      copy(at, dollar);
      at = dollar;
      if (at >= end) return;
      if (at + 1 < end && text_[at + 1] == '$') {
        runs_.add(made_.size(), place(at, at + 2).begin, false);
        made_ += '$';
        at += 2;
      } else if (at + 1 < end && text_[at + 1] == '{') {
        at = variable(at, end, depth);
      } else {
        copy(at, at + 1);
        ++at;
      }
    }
  }

  // `${…}` at `at`; the position behind it.
  std::size_t variable(std::size_t at, std::size_t end, int depth) {
    const std::size_t close = closing_brace(at + 2);
    if (close == std::string_view::npos || close >= end) {
      diagnostics_.error("bad-variable", place(at, end),
                         "'${' has no closing '}'; a dollar before '{' is written '$$'");
      return end;
    }
    const Span whole = place(at, close + 1);
    std::size_t name_end = at + 2;
    while (name_end < close && is_name(text_[name_end])) ++name_end;
    const std::string_view name = text_.substr(at + 2, name_end - at - 2);
    const std::string_view rest = text_.substr(name_end, close - name_end);
    const bool has_default = rest.starts_with(":-");
    const bool has_message = rest.starts_with(":?");
    if (name.empty() || !is_name_start(name[0]) || (!rest.empty() && !has_default && !has_message)) {
      diagnostics_.error("bad-variable", whole,
                         fmt::format("'{}' is no variable; write ${{NAME}}, ${{NAME:-default}} or ${{NAME:?message}}, "
                                     "and '$$' for a dollar before a brace",
                                     text_.substr(at, close + 1 - at)));
      return close + 1;
    }
    const std::optional<std::string> value = lookup_(name);
    if (value && !(value->empty() && (has_default || has_message))) {
      put(name, *value, whole);
    } else if (has_default) {
      if (depth >= kDeepest) {
        diagnostics_.error("bad-variable", whole, "defaults within defaults go too deep");
      } else {
        expand(name_end + 2, close, depth + 1);
      }
    } else if (has_message) {
      const std::string_view message = rest.substr(2);
      diagnostics_.error("unset-variable", whole,
                         message.empty() ? fmt::format("the variable '{}' is not set", name)
                                         : fmt::format("{}: the variable '{}' is not set", message, name));
    } else {
      diagnostics_.error("unset-variable", whole,
                         fmt::format("the variable '{0}' is not set; set it in the environment, give a default: "
                                     "${{{0}:-…}}, or declare it under `params:`",
                                     name));
    }
    return close + 1;
  }

  void put(std::string_view name, const std::string& value, Span whole) {
    const auto control = std::find_if(value.begin(), value.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    });
    if (control != value.end()) {
      diagnostics_.error(
          "control-character", whole,
          fmt::format("the value of the variable '{}' holds {}; only one line of text can stand here", name,
                      *control == '\n'
                          ? std::string("a line end")
                          : fmt::format("the control character 0x{:02x}", static_cast<unsigned char>(*control))));
      return;
    }
    if (find_invalid_utf8(value) != std::string_view::npos) {
      diagnostics_.error("bad-utf8", whole, fmt::format("the value of the variable '{}' is not UTF-8", name));
      return;
    }
    if (value.empty()) return;
    runs_.add(made_.size(), whole.begin, false);
    made_ += value;
  }

  const LocatedText& scalar_;
  std::string_view text_;
  const VariableLookup& lookup_;
  Diagnostics& diagnostics_;
  std::string made_;
  RunList runs_;
};

}  // namespace

void VariableReplacer::replace(SyntaxNode& node) {
  if (node.kind == SyntaxNode::Kind::scalar) {
    bool whole = false;
    const std::size_t errors = diagnostics_.error_count();
    node.text = replace(node.text, whole);
    node.plain = node.plain || whole;
    node.faulty = node.faulty || diagnostics_.error_count() != errors;
  }
  for (SyntaxNode& item : node.items) replace(item);
  bool replaced = false;
  for (SyntaxNode::Entry& entry : node.entries) {
    replaced = replaced || entry.key.value().find('$') != std::string::npos;
    bool whole = false;
    entry.key = replace(entry.key, whole);
    replace(entry.value);
  }
  if (replaced) check_keys(node);
}

LocatedText VariableReplacer::replace(const LocatedText& text, bool& whole) {
  bytes_ += text.value().size();
  if (text.value().find('$') == std::string::npos || bytes_ > kLargestText) return text;
  ScalarReplacer scalar(text, lookup_, diagnostics_);
  whole = scalar.whole();
  LocatedText made = scalar.run();
  bytes_ += made.value().size();
  if (bytes_ > kLargestText) {
    diagnostics_.error("too-large", text.whole(), "more than 1 MiB of text, variables replaced");
  }
  return made;
}

void VariableReplacer::check_keys(const SyntaxNode& node) {
  std::set<std::string_view> seen;
  for (const SyntaxNode::Entry& entry : node.entries) {
    if (seen.insert(entry.key.value()).second) continue;
    diagnostics_.error("duplicate-key", entry.key.whole(),
                       fmt::format("the key '{}' is given twice in this mapping", entry.key.value()));
  }
}

}  // namespace streamrun
