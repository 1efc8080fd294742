// The untyped tree of an expression, with the places of its parts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runner/data/column.h"
#include "runner/data/type.h"

namespace streamrun {

enum class AstKind : std::uint8_t {
  literal,  // type, value
  name,     // text (one part; a.b is a member of a name)
  member,   // children[0].text
  index,    // children[0][children[1]]
  param,    // :text
  call,     // text(children); operators by their symbols
  lambda,   // parameters -> children[0]
  cast,     // children[0] as type
  try_cast,
  all_of,    // and
  any_of,    // or
  between,   // value, low, high
  in_list,   // value, then the list
  like_any,  // value, then patterns; text: like or ilike
  like_all,
  choice,         // case: condition, value…, otherwise (null literal where there is none)
  simple_choice,  // case x when: x, then as above
  row,            // (a, b): a structure
};

struct Ast;
using AstPtr = std::unique_ptr<Ast>;

struct Ast {
  AstKind kind = AstKind::literal;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  // Where the name, the function's name or the operator stands.
  std::uint32_t name_begin = 0;
  std::uint32_t name_end = 0;
  std::uint32_t depth = 1;
  std::string text;
  Type type;
  ColumnPtr value;  // literal, of one row
  std::vector<AstPtr> children;
  std::vector<std::string> parameters;  // lambda
  bool quoted = false;                  // a name in backquotes
  bool star = false;                    // f(*)
  bool distinct = false;                // f(distinct x)
  bool negated = false;                 // not like any, not like all: of each pattern
  AstPtr filter;                        // f(x) filter (where …)
};

}  // namespace streamrun
