// Paths as text that any log or JSON can hold: a path may hold any byte.
#pragma once

#include <optional>
#include <string>

namespace streamrun {

// As it is where that is UTF-8 without `%`; else `%` and what is no ASCII stand as %XX.
std::string path_to_text(const std::string& path);
// Nothing: it is none.
std::optional<std::string> text_to_path(const std::string& text);

}  // namespace streamrun
