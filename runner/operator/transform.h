// What a step is: a declaration, and the rule that binds its options to the schemas of its inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/units.h"
#include "runner/expr/expression.h"
#include "runner/operator/kernel.h"
#include "runner/operator/options.h"
#include "runner/operator/typed_options.h"

namespace streamrun {

struct BindContext {
  // The step's own input, then the streams that its options name, in the order of `streams`.
  std::vector<const Schema*> inputs;
  std::vector<std::string> input_names;
  const Params* params = nullptr;
  std::function<void(std::string_view)> param_used;
  std::string owner;                   // `stream 'suspects'`
  std::uint64_t seed = 0;              // of the step, among all of the pipeline
  std::uint32_t partitions = 8;        // default for keyed steps
  std::uint32_t input_partitions = 0;  // of the step's own input; 0: known only when it runs
  bool allow_exec = false;
  Diagnostics& diagnostics;
  Span place;         // of the step
  Duration slide{0};  // from one batch of the step's own input to the next; 0: it has none

  // Input i's columns, without a qualifier.
  Scope scope(std::size_t input = 0) const { return scope_of(*inputs[input]); }
  // As the input's, over what a step makes of it.
  Scope scope_of(const Schema& schema) const;
};

// A step bound to its inputs.
struct BoundTransform {
  BoundTransform();
  BoundTransform(BoundTransform&& other) noexcept;
  BoundTransform& operator=(BoundTransform&& other) noexcept;
  ~BoundTransform();

  Schema output;
  // Makes nothing where the step is faulty and yet what it would give is known, so that those behind it can be checked.
  StepFactory step;
  bool can_fail = false;                    // rows may be rejected
  std::optional<std::uint32_t> partitions;  // of the output; as the input's where not said
  std::optional<Duration> slide;            // likewise
  Duration keeps{0};                        // what it makes at t hangs on the batches in (t − keeps, t]
  std::string detail;                       // for `explain`: `amount > 0`
  std::unique_ptr<BoundTransform> then;     // the rest of the step, over `output` alone
};

struct TransformDescriptor {
  TransformDescriptor();
  TransformDescriptor(const TransformDescriptor& other);
  TransformDescriptor(TransformDescriptor&& other) noexcept;
  TransformDescriptor& operator=(const TransformDescriptor& other);
  TransformDescriptor& operator=(TransformDescriptor&& other) noexcept;
  ~TransformDescriptor();

  std::string_view name;
  std::string_view summary;         // one line, for lists
  std::string_view dstream;         // the DStream operation it stands for
  std::string_view example;         // YAML of the step alone; a test compiles it
  std::string_view example_schema;  // what the example reads: `a int, b string`
  OptionTable options;
  std::function<OptionsPtr(const SyntaxNode&, std::string_view what, DecodeContext&)> decode;  // null: diagnosed
  std::function<std::vector<StreamName>(const void* options)> streams;                         // may be empty
  // Null: rows pass as they are.
  std::function<std::optional<BoundTransform>(const void* options, BindContext&)> bind;
  bool unites = false;          // `from: [a, b]` is this step over a, with the list of the others
  bool holds_steps = false;     // those of its section `steps` follow it
  bool names_fragment = false;  // the steps of the fragment that it names stand in its place
};

// What is declared of a step but for its functions.
TransformDescriptor declare_transform(std::string_view name, std::string_view summary, std::string_view dstream,
                                      std::string_view example_schema, std::string_view example,
                                      const OptionTable& options);

// A descriptor over the typed options S.
template <class S>
TransformDescriptor describe_transform(std::string_view name, std::string_view summary, std::string_view dstream,
                                       std::string_view example_schema, std::string_view example, OptionTable options,
                                       std::optional<BoundTransform> (*bind)(const S&, BindContext&),
                                       std::vector<StreamName> (*streams)(const S&) = nullptr) {
  const auto table = std::make_shared<const OptionTable>(std::move(options));
  TransformDescriptor made = declare_transform(name, summary, dstream, example_schema, example, *table);
  made.decode = decode_options<S>(table);
  if (streams != nullptr) made.streams = of_options(streams);
  if (bind != nullptr) made.bind = of_options(bind);
  return made;
}

}  // namespace streamrun
