// Results of what can fail for reasons outside this program: user text, files, other programs.
// A broken invariant asserts instead; exceptions of other libraries stop at the file that calls them.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace streamrun {

// What may be done about it. Input: what a user wrote or a record holds. Transient: it may work when it is tried
// again. Fatal: nobody knows what is written, so nothing may be tried again (a failed fsync). Reader gone: nobody wants
// more of what is written (`| head`).
enum class ErrorKind : std::uint8_t { input, transient, fatal, reader_gone };

// What went wrong, in one line: where, what, which value, and the remedy.
struct Error {
  std::string message;
  ErrorKind kind = ErrorKind::input;
};

template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

[[nodiscard]] inline std::unexpected<Error> failure(std::string message, ErrorKind kind = ErrorKind::input) {
  return std::unexpected(Error{std::move(message), kind});
}

// The same error, and whose it is: `output 'x': …`.
[[nodiscard]] inline std::unexpected<Error> failure_of(std::string_view whose, const Error& error) {
  return failure(std::string(whose) + ": " + error.message, error.kind);
}

// Passes an error on from a Result of another type.
template <class T>
[[nodiscard]] std::unexpected<Error> pass_on(const Result<T>& failed) {
  return std::unexpected(failed.error());
}

}  // namespace streamrun
