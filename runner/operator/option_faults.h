// How the decoders of options read scalars, and what they say of values of a wrong type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runner/operator/options.h"

namespace streamrun {

// `a list`, `the text 'x'`, `nothing`.
std::string describe_node(const SyntaxNode& node);
// `expected EXPECTED; found …`. Always false.
bool wrong_type(const SyntaxNode& node, std::string_view expected, DecodeContext& context);
// A scalar, a written `null` included: what it says is its text.
bool has_text(const SyntaxNode& node);
// YAML's; nothing where it is none.
std::optional<bool> read_boolean(const SyntaxNode& node);
// {env: NAME} or {file: path}. What is no `secret` may stand in a file that others read, as a certificate does.
bool read_elsewhere(const SyntaxNode& node, bool secret, Secret& out, DecodeContext& context);
// A column as an expression, in backquotes where it needs them.
ExprText column_expression(const LocatedText& name);
// Letters, digits and _, no digit first.
bool is_identifier(std::string_view text);
// Without a character: diagnosed.
bool empty_name(const LocatedText& name, DecodeContext& context);
// No value stands there at all.
bool is_nothing(const SyntaxNode& node);
// An unquoted whole number of 64 bits: no leading zero, no fraction, no exponent.
bool read_integer(const SyntaxNode& node, std::int64_t& out, DecodeContext& context);

}  // namespace streamrun
