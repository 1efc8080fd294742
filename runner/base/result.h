// Results of what can fail for reasons outside this program: user text, files, other programs.
// A broken invariant asserts instead; exceptions of other libraries stop at the file that calls them.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace streamrun {

// What went wrong, in one line: where, what, which value, and the remedy.
struct Error {
  std::string message;
};

template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

[[nodiscard]] inline std::unexpected<Error> failure(std::string message) {
  return std::unexpected(Error{std::move(message)});
}

// Passes an error on from a Result of another type.
template <class T>
[[nodiscard]] std::unexpected<Error> pass_on(const Result<T>& failed) {
  return std::unexpected(failed.error());
}

}  // namespace streamrun
