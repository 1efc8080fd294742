#include <fmt/format.h>

#include <algorithm>

#include "runner/config/spec_binding.h"
#include "runner/expr/parser.h"

namespace streamrun {
namespace {

constexpr std::size_t kDeepest = 100;       // fragments that use one another
constexpr std::size_t kMostSteps = 20'000;  // of all streams, fragments expanded

void check_options(SpecBinding& binding, const OptionTable& table, const SyntaxNode& node);

void bind_fragment(SpecBinding& binding, Fragment& fragment) {
  if (fragment.state != Fragment::State::unbound) return;
  fragment.state = Fragment::State::binding;
  binding.open_fragments.push_back(&fragment);
  fragment.faulty = !bind_steps(binding, *fragment.list, fragment.name.value(), fragment.steps);
  binding.open_fragments.pop_back();
  fragment.state = Fragment::State::bound;
}

Fragment* find_fragment(SpecBinding& binding, const SyntaxNode& node) {
  const std::string& name = node.text.value();
  const auto found =
      std::ranges::find_if(binding.fragments, [&](const Fragment& one) { return one.name.value() == name; });
  if (found != binding.fragments.end()) return &*found;
  if (!binding.incomplete) {
    std::vector<std::string_view> names;
    for (const Fragment& one : binding.fragments) names.push_back(one.name.value());
    binding.error("unknown-fragment", node.span,
                  fmt::format("there is no fragment '{}'{}", name,
                              names.empty() ? fmt::format("; declare it: fragments: {{{}: [steps]}}", name)
                                            : did_you_mean(name, names)));
  }
  return nullptr;
}

// Of a fragment that nothing uses no columns are known; that its expressions are some can be told all the same.
void check_expressions(SpecBinding& binding, const Shape& shape, const SyntaxNode& node) {
  const bool scalar = node.kind == SyntaxNode::Kind::scalar;
  switch (shape.kind) {
    case Shape::Kind::expression: {
      SyntaxFault fault;
      if (!scalar || node.faulty || parse_expression(node.text.value(), fault)) return;
      return binding.error("syntax", node.text.span(fault.begin, fault.end), fault.message);
    }
    case Shape::Kind::list:
      for (const SyntaxNode& item : node.items) check_expressions(binding, shape.of[0], item);
      return;
    case Shape::Kind::map_of:
      for (const SyntaxNode::Entry& entry : node.entries) check_expressions(binding, shape.of[0], entry.value);
      return;
    case Shape::Kind::mapping: return check_options(binding, *shape.table, node);
    case Shape::Kind::any_of:
      // A scalar may be a name, too.
      for (const Shape& one : shape.of) {
        if (!scalar) check_expressions(binding, one, node);
      }
      return;
    case Shape::Kind::step:
      for (const SyntaxNode::Entry& entry : node.entries) {
        const TransformDescriptor* kind = binding.catalog.transform(entry.key.value());
        if (kind != nullptr) check_options(binding, kind->options, entry.value);
      }
      return;
    default: return;
  }
}

void check_options(SpecBinding& binding, const OptionTable& table, const SyntaxNode& node) {
  const bool named = node.kind == SyntaxNode::Kind::mapping && !node.entries.empty() &&
                     std::ranges::all_of(node.entries, [&](const SyntaxNode::Entry& entry) {
                       return table.find(entry.key.value()) != nullptr;
                     });
  if (!named) {
    if (table.whole()) check_expressions(binding, table.whole()->shape, node);
    return;
  }
  for (const SyntaxNode::Entry& entry : node.entries) {
    check_expressions(binding, table.find(entry.key.value())->shape, entry.value);
  }
}

}  // namespace

void declare_fragments(SpecBinding& binding, const SyntaxNode& root) {
  const bool all = binding.entries(root, "fragments", [&](const LocatedText& name, const SyntaxNode& node) {
    Fragment& made = binding.fragments.emplace_back();
    made.name = name;
    made.list = &node;
  });
  binding.incomplete = binding.incomplete || !all;
}

void bind_fragments(SpecBinding& binding) {
  for (Fragment& one : binding.fragments) bind_fragment(binding, one);
  const Shape steps = Shape::list_of(Shape::of_kind(Shape::Kind::step));
  for (const Fragment& one : binding.fragments) {
    if (!one.used && !one.faulty) check_expressions(binding, steps, *one.list);
  }
}

bool use_fragment(SpecBinding& binding, const SyntaxNode& name, std::vector<StepSpec>& out) {
  Fragment* const fragment = find_fragment(binding, name);
  if (fragment == nullptr) return false;
  const std::string& text = fragment->name.value();
  if (fragment->state == Fragment::State::binding) {
    std::string chain;
    const auto open = std::ranges::find(binding.open_fragments, fragment);
    for (auto one = open; one != binding.open_fragments.end(); ++one) chain += (*one)->name.value() + " → ";
    binding.error("fragment-cycle", name.span, fmt::format("fragment '{0}' uses itself: {1}{0}", text, chain));
    return false;
  }
  fragment->used = true;
  if (binding.open_fragments.size() >= kDeepest) {
    binding.error("too-deep", name.span, fmt::format("more than {} fragments within one another", kDeepest));
    return false;
  }
  bind_fragment(binding, *fragment);
  binding.expanded_steps += fragment->steps.size();
  if (binding.expanded_steps > kMostSteps) {
    binding.error("too-many", name.span, fmt::format("more than {} steps, those of fragments included", kMostSteps));
    return false;
  }
  for (const StepSpec& step : fragment->steps) {
    StepSpec& made = out.emplace_back(step);
    made.uses.insert(made.uses.begin(), FragmentUse{text, name.span});
  }
  return !fragment->faulty;
}

}  // namespace streamrun
