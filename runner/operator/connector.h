// What the catalog knows of a source or a sink, from the one declaration of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "runner/operator/options.h"
#include "runner/operator/typed_options.h"

namespace streamrun {

template <class Context, class Bound>
struct ConnectorDescriptor {
  std::string_view name;
  std::string_view summary;
  std::string_view example;  // YAML of a whole source or output
  bool takes_format = true;  // its records are bytes
  std::string_view rows_option =
      {};  // that holds rows in the file, batch by batch: a table's `rows` are one such batch
  OptionTable options;
  std::function<OptionsPtr(const SyntaxNode&, std::string_view what, DecodeContext&)> decode;
  std::function<std::optional<Bound>(const void* options, Context&)> bind;
};

template <class S, class Context, class Bound>
ConnectorDescriptor<Context, Bound> describe_connector(std::string_view name, std::string_view summary,
                                                       std::string_view example, bool takes_format, OptionTable options,
                                                       std::optional<Bound> (*bind)(const S&, Context&)) {
  ConnectorDescriptor<Context, Bound> made;
  made.name = name;
  made.summary = summary;
  made.example = example;
  made.takes_format = takes_format;
  made.options = options;
  made.decode = decode_options<S>(std::make_shared<const OptionTable>(std::move(options)));
  made.bind = of_options(bind);
  return made;
}

}  // namespace streamrun
