#include "runner/config/secret_places.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "runner/config/yaml_places.h"

namespace streamrun {
namespace {

constexpr std::string_view kBlanks = " \t\r";

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& all) {
  return std::ranges::find(all, word) != all.end();
}

// Below these, names are those of columns, and mean nothing.
constexpr std::array<std::string_view, 11> kOfColumns = {
    "schema", "rows", "columns", "headers", "key", "queue", "batches", "generate", "timestamp", "when", "partition"};
constexpr std::array<std::string_view, 3> kSectionsOfColumns = {"streams", "tests", "fragments"};
// Below these, names are those of properties, wherever they stand.
constexpr std::array<std::string_view, 5> kOfProperties = {"client", "kafka", "sasl", "ssl", "connections"};

// `sasl.password` is no column's name, nearly everywhere.
bool names_property(std::string_view key) {
  return names_secret(key) && (key.find('.') != std::string_view::npos || key.starts_with("sasl") ||
                               key.starts_with("SASL") || key.starts_with("ssl"));
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// `${NAME}` and `${NAME:?…}`, and what may follow a value: the file itself holds no secret.
bool is_variable(std::string_view text) {
  static const RE2 kVariable(R"re(["']?\$\{[A-Za-z_]\w*(?::\?[^}]*)?\}["']?[ \t]*(?:[,}\]#].*)?)re");
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), kVariable);
}

class SecretFinder {
 public:
  SecretFinder(const SourceText& source, Diagnostics& diagnostics) : text_(source.text()), diagnostics_(diagnostics) {}

  // The file's text between `begin` and `end`, read as lines of `key: value` or `key=value`. `everywhere`: of no
  // column's name is thought.
  void scan(std::size_t begin, std::size_t end, bool everywhere) {
    static const RE2 kKey(R"re(([A-Za-z][\w.\-]*)["']?[ \t]*[:=][ \t]*)re");
    re2::StringPiece rest(text_.data() + begin, end - begin);
    re2::StringPiece key;
    while (RE2::FindAndConsume(&rest, kKey, &key)) {
      const auto at = static_cast<std::size_t>(rest.data() - text_.data());
      const std::string_view name(key.data(), key.size());
      if (!(everywhere ? names_secret(name) : names_property(name))) continue;
      if (!everywhere && in_scalar(static_cast<std::size_t>(key.data() - text_.data()))) continue;
      hide_value(at, end);
    }
  }

  void scan_urls() {
    static const RE2 kPassword(
        R"re((?:\w://[^\s:/@"'{}]*|[^\s:/@"',{}\[\]]):([^\s:/@"',{}\[\]][^\s"',{}\[\]]*)@[\w\[$])re");
    re2::StringPiece rest(text_.data(), text_.size());
    re2::StringPiece password;
    while (RE2::FindAndConsume(&rest, kPassword, &password)) {
      hide(static_cast<std::size_t>(password.data() - text_.data()), password.size());
    }
  }

  void scan_private_keys() {
    static const RE2 kBegin(R"re(-----BEGIN [A-Z ]*PRIVATE KEY-----)re");
    re2::StringPiece rest(text_.data(), text_.size());
    while (RE2::FindAndConsume(&rest, kBegin)) {
      const auto at = static_cast<std::size_t>(rest.data() - text_.data());
      hide(at, std::min(text_.find("-----END", at), text_.size()) - at);
    }
  }

  void walk(const SyntaxNode& node, bool of_columns, bool secret) {
    switch (node.kind) {
      case SyntaxNode::Kind::scalar: scalar(node.text, node.span, !of_columns, secret); break;
      case SyntaxNode::Kind::null: break;
      case SyntaxNode::Kind::sequence:
        for (const SyntaxNode& item : node.items) walk(item, of_columns, secret);
        break;
      case SyntaxNode::Kind::mapping: mapping(node, of_columns, secret); break;
    }
  }

  // Names of sections are ours, and those of what stands in them the user's: a source may be called `tokens`.
  void walk_root(const SyntaxNode& root) {
    for (const SyntaxNode::Entry& section : root.entries) {
      const std::string& key = section.key.value();
      scalars_.push_back(section.key.whole());
      if (names_secret(key) || section.value.kind != SyntaxNode::Kind::mapping) {
        walk(section.value, one_of(key, kSectionsOfColumns), names_secret(key));
        continue;
      }
      for (const SyntaxNode::Entry& entry : section.value.entries) {
        scalars_.push_back(entry.key.whole());
        const SyntaxNode* value = key == "params" ? entry.value.find("default") : nullptr;
        const bool secret = names_secret(entry.key.value()) && (value != nullptr || entry.value.entries.empty());
        walk(value != nullptr ? *value : entry.value, one_of(key, kSectionsOfColumns), secret);
      }
    }
    std::ranges::sort(scalars_, {}, &Span::begin);
  }

 private:
  void hide(std::size_t at, std::size_t size) {
    const std::string_view hidden = text_.substr(at, size);
    diagnostics_.hide(Span{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + size)});
    for (std::size_t line = 0; line < hidden.size();) {
      const std::size_t end = std::min(hidden.find('\n', line), hidden.size());
      say_nothing_of(trimmed(hidden.substr(line, end - line)));
      line = end + 1;
    }
  }

  // What messages would quote of it: with quotes and without, and as far as a flow mapping lets it go.
  void say_nothing_of(std::string_view value) {
    diagnostics_.hide(value);
    if (!value.empty() && (value.front() == '"' || value.front() == '\'')) value.remove_prefix(1);
    if (!value.empty() && (value.back() == '"' || value.back() == '\'')) value.remove_suffix(1);
    diagnostics_.hide(value);
    for (std::size_t at = 0; at < value.size();) {
      const std::size_t end = std::min(value.find_first_of(",{}[]", at), value.size());
      const std::string_view part = trimmed(value.substr(at, end - at));
      // Not the keys that follow on its line.
      if (part.find(": ") == std::string_view::npos) diagnostics_.hide(part);
      at = end + 1;
    }
  }

  bool in_scalar(std::size_t at) const {
    const auto above = std::ranges::upper_bound(scalars_, at, {}, &Span::begin);
    return above != scalars_.begin() && at < (above - 1)->end;
  }

  std::size_t line_end(std::size_t at) const { return std::min(text_.find('\n', at), text_.size()); }
  std::size_t indent(std::size_t line) const {
    return std::min(text_.find_first_not_of(" \t", line), text_.size()) - line;
  }

  // The value of a secret's key that begins at `at`, as far as it may reach.
  void hide_value(std::size_t at, std::size_t end) {
    const std::size_t eol = std::min(line_end(at), end);
    const std::string_view line = trimmed(text_.substr(at, eol - at));
    static const RE2 kNone(R"re((?:[|>][-+0-9]*)?[ \t]*(?:&\S+[ \t]*)?(?:#.*)?)re");
    static const RE2 kReference(R"re(\{[ \t]*["']?(?:env|file)["']?[ \t]*:.*)re");
    const re2::StringPiece value(line.data(), line.size());
    if (RE2::FullMatch(value, kNone)) return hide_below(at, eol, end);
    if (RE2::FullMatch(value, kReference) || is_variable(line)) return;
    const char quote = line.front();
    if (quote == '"' || quote == '\'') {
      const std::size_t close = find_closing_quote(text_, at);
      const std::size_t behind =
          close < end ? std::min(text_.find_first_not_of(kBlanks, close + 1), text_.size()) : end;
      if (close < end && (behind == text_.size() || std::string_view(",}]#\n").find(text_[behind]) < 5)) {
        return hide(at, close + 1 - at);
      }
    }
    hide(at, eol - at);
    // A text may go on below.
    if (line.front() != '{' && line.front() != '[') hide_below(at, eol, end);
  }

  // The lines below that belong to the value: those that are indented deeper, and the next one in any case if it is no
  // key, as where its indentation is the fault.
  void hide_below(std::size_t at, std::size_t eol, std::size_t end) {
    static const RE2 kKey(R"re([ \t]*(?:- )?["']?[A-Za-z_][\w.\-]*["']?[ \t]*:(?:[ \t].*)?)re");
    static const RE2 kReference(R"re([ \t]*["']?(?:env|file)["']?[ \t]*:.*)re");
    const std::size_t above = at == 0 ? std::string_view::npos : text_.rfind('\n', at - 1);
    const std::size_t own = indent(above == std::string_view::npos ? 0 : above + 1);
    const std::string_view head = trimmed(text_.substr(at, eol - at));
    const bool block = !head.empty() && (head.front() == '|' || head.front() == '>');
    bool next = head.empty();
    for (std::size_t line = eol + 1; line < end; line = line_end(line) + 1) {
      const std::string_view whole = text_.substr(line, line_end(line) - line);
      if (trimmed(whole).empty()) continue;
      const re2::StringPiece text(whole.data(), whole.size());
      const bool deeper = indent(line) > own;
      if (!deeper && !(next && !RE2::FullMatch(text, kKey))) return;
      if (!block && RE2::FullMatch(text, head.empty() ? kReference : kKey)) return;
      hide(line + indent(line), whole.size() - indent(line));
      next = false;
    }
  }

  void mapping(const SyntaxNode& node, bool of_columns, bool secret) {
    const bool reference = secret && node.entries.size() == 1 &&
                           (node.entries[0].key.value() == "env" || node.entries[0].key.value() == "file");
    if (reference) return;
    bool cut = false;
    for (const SyntaxNode::Entry& entry : node.entries) {
      const std::string& key = entry.key.value();
      const bool named = of_columns ? names_property(key) : names_secret(key);
      const bool empty = entry.value.kind == SyntaxNode::Kind::null && entry.value.text.value().empty();
      // A comma in a password makes a key of what follows it.
      scalar(entry.key, entry.key.whole(), !of_columns, cut && empty && follows_comma(entry.key.whole()));
      cut = cut || secret || named;
      if (secret || named) hide_properties(entry.key.whole());
      walk(entry.value, !one_of(key, kOfProperties) && (of_columns || one_of(key, kOfColumns)), secret || named);
    }
  }

  // `key: &text`, `key: !text`: to YAML an anchor or a tag, to who wrote it a password.
  void hide_properties(const Span& key) {
    const std::size_t at = std::min(text_.find_first_not_of("\"': \t", key.end), text_.size());
    if (at < text_.size() && std::string_view("&!*").find(text_[at]) != std::string_view::npos) {
      hide_value(at, text_.size());
    }
  }

  bool follows_comma(const Span& key) const {
    const std::size_t before =
        key.begin == 0 ? std::string_view::npos : text_.find_last_not_of(" \t\r\n", key.begin - 1U);
    return before != std::string_view::npos && text_[before] == ',';
  }

  void scalar(const LocatedText& value, Span span, bool everywhere, bool secret) {
    scalars_.push_back(span);
    if (secret) {
      say_nothing_of(value.value());
      if (!is_variable(text_.substr(span.begin, span.end - span.begin))) hide(span.begin, span.end - span.begin);
    } else if (everywhere) {
      scan(span.begin, span.end, true);
    }
  }

  std::string_view text_;
  Diagnostics& diagnostics_;
  std::vector<Span> scalars_;
};

}  // namespace

void find_secrets(const SourceText& source, const std::deque<ParsedFile>& files, Diagnostics& diagnostics) {
  SecretFinder finder(source, diagnostics);
  for (const ParsedFile& file : files) {
    if (file.root) finder.walk_root(*file.root);
  }
  for (const ParsedFile& file : files) finder.scan(file.range.begin, file.range.end, !file.root);
  finder.scan_urls();
  finder.scan_private_keys();
}

}  // namespace streamrun
