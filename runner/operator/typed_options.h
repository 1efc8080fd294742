// Puts the typed options S of an operator behind the functions that its descriptor shows.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "runner/operator/options.h"

namespace streamrun {

template <class S>
std::function<OptionsPtr(const SyntaxNode&, std::string_view what, DecodeContext&)> decode_options(
    std::shared_ptr<const OptionTable> table) {
  return
      [table = std::move(table)](const SyntaxNode& node, std::string_view what, DecodeContext& context) -> OptionsPtr {
        auto decoded = std::make_shared<S>();
        return table->decode(node, decoded.get(), what, context) ? decoded : nullptr;
      };
}

// `f` with its first argument untyped.
template <class S, class R, class... Args>
std::function<R(const void*, Args...)> of_options(R (*f)(const S&, Args...)) {
  return [f](const void* decoded, Args... arguments) -> R {
    return f(*static_cast<const S*>(decoded), std::forward<Args>(arguments)...);
  };
}

}  // namespace streamrun
