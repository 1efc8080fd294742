#include <fmt/format.h>

#include "runner/config/spec_binding.h"

namespace streamrun {
namespace {

struct Form {
  std::vector<StreamName> from;
  std::optional<OnError> on_error;
};

std::optional<StepSpec> bind_step(SpecBinding& binding, const SyntaxNode& node) {
  if (node.faulty) return std::nullopt;
  StepSpec spec;
  SyntaxNode none;
  none.span = node.span;
  const SyntaxNode* arguments = &none;
  LocatedText name;
  if (node.kind == SyntaxNode::Kind::scalar) {
    name = node.text;
  } else if (node.kind == SyntaxNode::Kind::mapping && node.entries.size() == 1) {
    name = node.entries[0].key;
    arguments = &node.entries[0].value;
  } else {
    binding.error("bad-step", node.span,
                  node.kind == SyntaxNode::Kind::mapping && node.entries.size() > 1
                      ? "a step is one key and its arguments; quote the whole expression if YAML cut it, or begin "
                        "a new '- '"
                      : "a step is one key and its arguments");
    return std::nullopt;
  }
  spec.place = name.whole();
  spec.kind = binding.catalog.transform(name.value());
  if (!spec.kind) {
    const auto names = names_of(binding.catalog.transforms());
    binding.error("unknown-step", name.whole(),
                  fmt::format("there is no step '{}'{}", name.value(), did_you_mean(name.value(), names)));
    return std::nullopt;
  }
  spec.options = spec.kind->decode(*arguments, fmt::format("step '{}'", name.value()), binding.context);
  if (!spec.options) return std::nullopt;
  return spec;
}

}  // namespace

const OptionTable& stream_options() {
  static const OptionTable table =
      Options<Form>{}
          .required("from", &Form::from, "what it reads: sources and streams; a list is their union")
          .optional("on_error", &Form::on_error, "the pipeline's", "what a record does that cannot be computed")
          .section("steps", Shape::list_of(Shape::of_kind(Shape::Kind::step)), "what is done to the rows, in order")
          .table();
  return table;
}

StreamSpec bind_stream(SpecBinding& binding, const LocatedText& name, const SyntaxNode& node) {
  const std::string what = fmt::format("stream '{}'", name.value());
  StreamSpec made;
  made.name = name;
  made.faulty = !binding.is_mapping(node, what);
  if (made.faulty) return made;
  binding.known_keys(node, what, stream_options(), {});
  Form form;
  made.faulty = !stream_options().decode_known(node, &form, what, binding.context);
  if (!made.faulty) made.from = std::move(form.from);
  made.on_error = form.on_error;
  if (const SyntaxNode* from = node.find("from");
      from != nullptr && from->kind == SyntaxNode::Kind::sequence && from->items.empty()) {
    binding.error("missing-key", from->span, fmt::format("{} reads nothing; name a source or a stream", what));
    made.faulty = true;
  }
  if (const SyntaxNode* steps = node.find("steps")) {
    const bool list = binding.items(*steps, "steps", [&](const SyntaxNode& item) {
      auto step = bind_step(binding, item);
      made.faulty = made.faulty || !step;
      if (!made.faulty) made.steps.push_back(std::move(*step));
    });
    made.faulty = made.faulty || !list;
  }
  return made;
}

}  // namespace streamrun
