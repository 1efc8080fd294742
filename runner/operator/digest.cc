#include "runner/operator/digest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <memory>
#include <string_view>

namespace streamrun {
namespace {

std::string text_of(XXH128_hash_t hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

class Digester {
 public:
  Digester() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  void add(const SyntaxNode& node) {
    add_number(static_cast<std::uint64_t>(node.kind) * 2 + (node.plain ? 1 : 0));
    if (node.kind == SyntaxNode::Kind::scalar) add_text(node.text.value());
    add_number(node.items.size());
    for (const SyntaxNode& item : node.items) add(item);
    add_number(node.entries.size());
    for (const SyntaxNode::Entry& entry : node.entries) {
      add_text(entry.key.value());
      add(entry.value);
    }
  }

  std::string text() const { return text_of(XXH3_128bits_digest(state_.get())); }

 private:
  void add_number(std::uint64_t number) { XXH3_128bits_update(state_.get(), &number, sizeof number); }
  void add_text(std::string_view text) {
    add_number(text.size());
    XXH3_128bits_update(state_.get(), text.data(), text.size());
  }

  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

}  // namespace

std::string digest(std::string_view text) {
  return text_of(XXH3_128bits(text.data(), text.size()));
}

std::string digest(const SyntaxNode& node) {
  Digester digester;
  digester.add(node);
  return digester.text();
}

}  // namespace streamrun
