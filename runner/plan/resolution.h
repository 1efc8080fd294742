// What the parts of `resolve` share. Within plan/ only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runner/plan/stream_graph.h"

namespace streamrun {

struct DeclaredName {
  std::string_view what;  // `source`
  Span place;
};

struct Resolution {
  const PipelineSpec& spec;
  const Catalog& catalog;
  const ResolveOptions& options;
  Diagnostics& diagnostics;

  StreamGraph graph = {};
  Params params = {};
  std::set<std::string, std::less<>> used_params = {};
  std::map<std::string, DeclaredName> names = {};  // of sources, tables and streams
  std::map<std::string, std::size_t> rows = {};    // the node whose rows a name stands for
  std::map<std::string, std::size_t> read = {};    // of a table with steps: the node whose rows they take
  std::map<std::string, std::size_t> errors = {};  // the node of NAME.errors
  std::set<std::string> read_errors = {};          // names whose errors something reads

  void error(std::string code, Span span, std::string message) {
    diagnostics.error(std::move(code), span, std::move(message));
  }
  // `; the other one stands at FILE:LINE:COLUMN` of a name that is given in two files.
  std::string elsewhere(Span here, Span other) const;
  std::function<void(std::string_view)> note_param() {
    return [this](std::string_view name) { used_params.emplace(name); };
  }
  std::size_t add(GraphNode node) {
    graph.nodes.push_back(std::move(node));
    return graph.nodes.size() - 1;
  }
  // With `route`: the node that takes the rejects of `name`.
  std::optional<std::size_t> add_errors(const std::string& name, OnError policy, const std::vector<Field>& hidden);
};

// Of what is resolved.
Definitions definitions_of(const Resolution& resolution);

void resolve_params(Resolution& resolution);
void resolve_source(Resolution& resolution, const SourceSpec& spec, bool table);
void resolve_output(Resolution& resolution, const OutputSpec& spec, std::optional<std::size_t> from);

// Files that two write, or that one reads and another writes; paths that no file can be made at.
void check_files(Resolution& resolution);

// Streams by name, each resolved when it is first asked for.
class StreamResolver {
 public:
  explicit StreamResolver(Resolution& resolution) : r_(resolution) {}

  // The node whose rows the name stands for. Nothing: diagnosed, here or before.
  std::optional<std::size_t> find(const LocatedText& name);
  // `place`: where it is asked for.
  std::optional<std::size_t> resolve(const StreamSpec& stream, Span place);

 private:
  std::optional<std::size_t> find_errors(const LocatedText& name, const std::string& stream);
  std::optional<std::size_t> all_errors(Span place);
  std::optional<std::size_t> unknown(const LocatedText& name);
  bool reads_all_errors(const StreamSpec& stream);
  bool is_table(const std::string& name) const;
  // The nodes whose rows its steps take. Nothing: diagnosed, here or before.
  std::vector<std::size_t> inputs_of(const StreamSpec& stream);
  std::optional<std::size_t> add_steps(const StreamSpec& stream);
  std::optional<Duration> common_slide(const std::vector<std::size_t>& inputs, Span place);
  // `own`: the nodes that it adds, too.
  std::optional<std::size_t> add_step(const StepSpec& step, const StreamSpec& stream, std::size_t input,
                                      std::vector<std::size_t>& own);

  Resolution& r_;
  std::vector<std::string> resolving_;  // the stream at hand, and those that wait for it
  std::set<std::string> failed_;
  std::map<std::string, bool> reads_all_errors_;
};

// Streams that a stream's `from` and steps name.
std::vector<StreamName> streams_read(const StreamSpec& stream);

}  // namespace streamrun
