#include <fmt/format.h>

#include <algorithm>

#include "runner/config/spec_binding.h"

namespace streamrun {
namespace {

struct ConnectionForm {
  LocatedText brokers;
  bool allow_plaintext_password = false;
};

// Null: diagnosed, here or before.
const SyntaxNode* named_connection(SpecBinding& binding, const SyntaxNode& value) {
  Identifier name;
  if (value.faulty || !Codec<Identifier>::decode(value, name, binding.context)) return nullptr;
  for (Connection& one : binding.connections) {
    if (one.name.value() != name.value()) continue;
    one.used = true;
    return one.node;
  }
  if (binding.incomplete) return nullptr;
  std::vector<std::string_view> names;
  for (const Connection& one : binding.connections) names.push_back(one.name.value());
  binding.error(
      "unknown-connection", value.span,
      fmt::format("there is no connection '{}'{}", name.value(),
                  names.empty() ? fmt::format("; declare it: connections: {{{}: {{brokers: …}}}}", name.value())
                                : did_you_mean(name.value(), names)));
  return nullptr;
}

// What `own` does not have, before what it has.
void add_missing(SyntaxNode& own, const SyntaxNode& more) {
  std::vector<SyntaxNode::Entry> all;
  for (const SyntaxNode::Entry& entry : more.entries) {
    if (own.find(entry.key.value()) == nullptr) all.push_back(entry);
  }
  own.entries.insert(own.entries.begin(), all.begin(), all.end());
}

}  // namespace

const OptionTable& connection_options() {
  static const OptionTable table =
      Options<ConnectionForm>{}
          .required("brokers", &ConnectionForm::brokers, "host:port, several with commas between, or `embedded`")
          .section("client", Shape::map_to(Shape::of_kind(Shape::Kind::secret)), "properties of librdkafka: TLS, SASL")
          .optional("allow_plaintext_password", &ConnectionForm::allow_plaintext_password, "false",
                    "a password may go over the network without TLS")
          .table();
  return table;
}

void bind_connections(SpecBinding& binding, const SyntaxNode& root) {
  const bool all = binding.entries(root, "connections", [&](const LocatedText& name, const SyntaxNode& node) {
    const std::string what = fmt::format("connection '{}'", name.value());
    Connection& made = binding.connections.emplace_back(Connection{name, nullptr, false});
    if (!binding.is_mapping(node, what)) return;
    ConnectionForm form;
    bool good = connection_options().decode(node, &form, what, binding.context);
    if (const SyntaxNode* client = node.find("client")) good = binding.is_mapping(*client, "'client'") && good;
    if (good) made.node = &node;
  });
  binding.incomplete = binding.incomplete || !all;
}

SyntaxNode expand_connection(SpecBinding& binding, SyntaxNode options, bool& good) {
  const SyntaxNode* const named = options.find("connection");
  // That one of the two has to go is told where options are decoded.
  if (named == nullptr || options.find("brokers") != nullptr) return options;
  const SyntaxNode* const connection = named_connection(binding, *named);
  if (connection == nullptr) {
    good = false;
    return options;
  }
  std::erase_if(options.entries, [](const SyntaxNode::Entry& entry) { return entry.key.value() == "connection"; });
  for (SyntaxNode::Entry& entry : options.entries) {
    const SyntaxNode* const client = entry.key.value() == "client" ? connection->find("client") : nullptr;
    if (client != nullptr && entry.value.kind == SyntaxNode::Kind::mapping) add_missing(entry.value, *client);
  }
  add_missing(options, *connection);
  return options;
}

}  // namespace streamrun
