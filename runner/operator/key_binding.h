// Names and keys of a step's options against the schema of its input: what transforms share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runner/expr/expression.h"
#include "runner/operator/options.h"
#include "runner/operator/transform.h"

namespace streamrun {

// The position of a column of input `input`, or a diagnostic with the nearest name.
std::optional<std::uint32_t> find_column(const BindContext& context, const LocatedText& name, std::size_t input = 0);

// Appends `field` unless the name is taken: then a diagnostic at `place`.
bool add_column(Schema& schema, Field field, Span place, Diagnostics& diagnostics);

struct KeyBinding {
  Schema schema;                 // the key's columns, by the names that they have in the output
  std::vector<Expression> keys;  // over input `input`
  std::string text;              // for `explain`: `account, day`
};
// All faults are found; nullopt if there was one. Maps and variants are no keys.
std::optional<KeyBinding> bind_key(const BindContext& context, const KeyOption& option, std::size_t input = 0);

// The key of columns by name; without names all of the input's.
std::optional<KeyBinding> bind_columns(const BindContext& context, const std::vector<NameText>& names);

// A column of a key that two inputs have in common, as what both can be compared as.
struct KeyPair {
  Expression left;
  Expression right;
  Type type;
  Type left_type;  // before they were cast
  Type right_type;
};
// Of inputs 0 and 1; nullopt: diagnosed.
std::optional<KeyPair> bind_key_pair(const BindContext& context, const KeyColumn& column);

}  // namespace streamrun
