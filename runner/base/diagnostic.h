// What the compiler has to say about a pipeline: all of it in one run, in file order.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/shown_text.h"
#include "runner/base/source_text.h"

namespace streamrun {

enum class Severity { error, warning };

struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;  // kebab-case and stable: unknown-column, type-mismatch, duplicate-key…
  Span span;
  std::string message;  // one line: what, the offending value, the remedy
};

class Diagnostics {
 public:
  void error(std::string code, Span span, std::string message);
  void warning(std::string code, Span span, std::string message);

  // A text of the file that holds a secret: nobody shows it.
  void hide(Span span) { hidden_.push_back(span); }
  const std::vector<Span>& hidden() const { return hidden_; }
  // What no message may hold, whoever gives it: neither a diagnostic nor a line of the run's log.
  void hide(std::string_view secret) { secrets_.add(secret); }
  const Secrets& secrets() const { return secrets_; }

  bool has_errors() const { return errors_ != 0; }
  std::size_t error_count() const { return errors_; }
  // In file order; equal ones once; without secrets.
  std::vector<Diagnostic> sorted() const;

 private:
  std::vector<Diagnostic> all_;
  std::vector<Span> hidden_;
  Secrets secrets_;
  std::size_t errors_ = 0;
};

// `NAME:LINE:COLUMN: error[CODE]: MESSAGE`, the line and a caret under the span (the part of it on
// its first line). Tabs are kept, and what must not be shown raw is escaped, so that the caret stands right; long lines
// are cut around it.
// Ends with a line end.
std::string render_text(const Diagnostic&, const SourceText&);
// One GitHub workflow command: `::error file=…,line=…,col=…,endColumn=…,title=CODE::MESSAGE`, and a line end.
std::string render_github(const Diagnostic&, const SourceText&);

// What turns one name into the other: kEdit for an edit, 1 for a change of letter case.
inline constexpr std::size_t kEdit = 4;
std::size_t name_distance(std::string_view a, std::string_view b);
// The nearest of `candidates` to `name` by edit distance (letter case counts little), if any is near
// enough to be what was meant.
std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> candidates);
// `; did you mean 'x'?`, or nothing.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace streamrun
