#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "runner/operator/option_faults.h"
#include "runner/operator/options.h"

namespace streamrun {
namespace {

constexpr std::size_t kLongestSecret = 65536;
constexpr const char* kForms = "expected a text, {env: NAME} or {file: path}";

bool fault(const SyntaxNode& node, std::string code, std::string message, DecodeContext& context) {
  context.diagnostics.error(std::move(code), node.span, std::move(message));
  return false;
}

bool read_secret(int file, std::string& out) {
  while (out.size() <= kLongestSecret) {
    char chunk[4096];
    const ssize_t got = ::read(file, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    out.append(chunk, static_cast<std::size_t>(got));
  }
  return true;
}

// The file's text without its last line end.
bool from_file(const SyntaxNode& node, bool secret, Secret& out, DecodeContext& context) {
  const std::string& path = node.text.value();
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) {
    return fault(node, "unreadable-file", fmt::format("'{}' cannot be opened: {}", path, std::strerror(errno)),
                 context);
  }
  struct stat facts{};
  std::string text;
  bool good = false;
  if (::fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    fault(node, "unreadable-file", fmt::format("'{}' is no regular file", path), context);
  } else if (secret && (facts.st_mode & 077U) != 0) {
    fault(node, "secret-file-mode",
          fmt::format("'{0}' holds a secret and may be used by others (mode {1:04o}); run: chmod 600 {0}", path,
                      facts.st_mode & 07777U),
          context);
  } else if (!read_secret(file, text)) {
    fault(node, "unreadable-file", fmt::format("'{}' cannot be read: {}", path, std::strerror(errno)), context);
  } else if (text.size() > kLongestSecret) {
    fault(node, "too-large", fmt::format("'{}' is larger than 64 KiB", path), context);
  } else {
    good = true;
  }
  ::close(file);
  if (!good) return false;
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  context.diagnostics.hide(text);
  out = Secret(std::move(text));
  return true;
}

}  // namespace

Shape Codec<Secret>::shape() {
  return Shape::of_kind(Shape::Kind::secret);
}

// What is found here is never quoted in a message.
bool Codec<Secret>::decode(const SyntaxNode& node, Secret& out, DecodeContext& context) {
  if (node.kind == SyntaxNode::Kind::scalar) {
    out = Secret(node.text.value());
    context.diagnostics.hide(node.span);
    context.diagnostics.hide(node.text.value());
    return true;
  }
  return read_elsewhere(node, true, out, context);
}

bool read_elsewhere(const SyntaxNode& node, bool secret, Secret& out, DecodeContext& context) {
  if (node.kind != SyntaxNode::Kind::mapping) return fault(node, "wrong-type", kForms, context);
  if (node.entries.size() != 1) return fault(node, "wrong-type", kForms, context);
  const SyntaxNode::Entry& form = node.entries.front();
  if (form.key.value() != "env" && form.key.value() != "file") {
    context.diagnostics.error("unknown-key", form.key.whole(), fmt::format("{}; found '{}'", kForms, form.key.value()));
    return false;
  }
  if (!has_text(form.value) || form.value.text.value().empty()) {
    return wrong_type(form.value, form.key.value() == "env" ? "the name of a variable" : "the path of a file", context);
  }
  if (form.key.value() == "file") return from_file(form.value, secret, out, context);
  const char* value = std::getenv(form.value.text.value().c_str());
  if (value == nullptr) {
    return fault(form.value, "unset-variable", fmt::format("the variable '{}' is not set", form.value.text.value()),
                 context);
  }
  context.diagnostics.hide(value);
  out = Secret(value);
  return true;
}

}  // namespace streamrun
