// What commands print and say.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "runner/base/result.h"

namespace streamrun {

// Standard output holds what was asked for: if it cannot be written, the command has failed. Standard error holds what
// is said about it: whether anybody can read that changes nothing. Any thread may say; one prints.
class Console {
 public:
  template <class... T>
  void print(fmt::format_string<T...> form, T&&... values) {
    write_output(fmt::format(form, std::forward<T>(values)...));
  }
  template <class... T>
  void say(fmt::format_string<T...> form, T&&... values) const {
    write_error(fmt::format(form, std::forward<T>(values)...));
  }
  // Of a command that would end with `code`: 1 if something was not printed, unless the reader wanted no more of it
  // (`| head`).
  int exit_code(int code) const;

 private:
  void write_output(std::string_view text);
  void write_error(std::string_view text) const;

  Result<> printed_;  // up to the first failure
};

}  // namespace streamrun
