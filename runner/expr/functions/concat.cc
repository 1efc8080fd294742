// Strings, binaries and arrays joined, and the other way round.
#include <algorithm>

#include "runner/expr/coercion.h"
#include "runner/expr/functions/array_parts.h"
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"

namespace streamrun {

namespace {

bool reverse_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  const std::string_view source = text_at(call, 0, row);
  for (std::size_t end = source.size(); end > 0;) {
    const std::size_t begin = last_character(source.substr(0, end));
    text.append(source.substr(begin, end - begin));
    end = begin;
  }
  return true;
}

bool concat_of(const KernelCall& call, std::uint32_t row, BoundedText& text) {
  for (std::size_t i = 0; i < call.arguments.size(); ++i) text += text_at(call, i, row);
  return true;
}
void concat_arrays(const KernelCall& call) {
  Lists lists(call);
  call.selection.for_each([&](std::uint32_t row) {
    lists.begin();
    for (const ColumnPtr& argument : call.arguments) {
      const ListRef& list = argument->value<ListRef>(row);
      for (std::uint32_t i = 0; i < list.length; ++i) lists.add(*argument->children[0], list.offset + i);
    }
    lists.end(row);
  });
}
void reverse_arrays(const KernelCall& call) {
  Lists lists(call);
  for_each_value<ListRef>(call, call.arguments[0], [&](const ListRef& list, std::uint32_t row) {
    lists.begin();
    for (std::uint32_t i = list.length; i > 0; --i) lists.add(*call.arguments[0]->children[0], list.offset + i - 1);
    lists.end(row);
  });
}
bool concat_ws_of(const KernelCall& call, std::uint32_t row, BoundedText& text) {
  if (call.arguments[0]->is_null(row)) return false;
  const std::string_view mark = text_at(call, 0, row);
  bool first = true;
  const auto add = [&](std::string_view part) {
    if (!first) text += mark;
    first = false;
    text += part;
  };
  for (std::size_t i = 1; i < call.arguments.size(); ++i) {
    const Column& argument = *call.arguments[i];
    if (argument.is_null(row)) continue;
    if (argument.type().kind() == TypeKind::string) {
      add(text_at(call, i, row));
      continue;
    }
    const ListRef& list = argument.value<ListRef>(row);
    const Column& elements = *argument.children[0];
    for (std::uint32_t e = list.offset; e < list.offset + list.length && !text.overflowed(); ++e) {
      if (!elements.is_null(e)) add(elements.value<StringRef>(e).view());
    }
  }
  return true;
}

Result<ResolvedCall> resolve_concat_ws(const CallTypes& call) {
  const Result<> count = check_count("concat_ws", call, 1, std::string::npos);
  if (!count) return pass_on(count);
  std::vector<Type> arguments;
  for (std::size_t i = 0; i < call.types.size(); ++i) {
    const Type& type = call.types[i];
    if (i > 0 && type.kind() == TypeKind::array) {
      arguments.push_back(Type::array(TypeKind::string));
    } else if (coercible(type, TypeKind::string)) {
      arguments.push_back(TypeKind::string);
    } else {
      return failure(wrong_type("concat_ws", i, type, "string or array<string>"));
    }
  }
  return call_of(std::move(arguments), TypeKind::string, string_kernel<concat_ws_of>, true, NullRule::kernel);
}

}  // namespace

Result<ResolvedCall> resolve_concat(const CallTypes& call) {
  bool arrays = false, all_binary = !call.types.empty();
  for (const Type& type : call.types) {
    arrays = arrays || type.kind() == TypeKind::array;
    all_binary = all_binary && type.kind() == TypeKind::binary;
  }
  if (arrays) {
    const Result<Type> common = common_type(call.types);
    if (!common) return pass_on(common);
    if (common->kind() != TypeKind::array) return failure("arrays join arrays only");
    return call_of(std::vector<Type>(call.types.size(), *common), *common, concat_arrays, true);
  }
  const Type text = all_binary ? TypeKind::binary : TypeKind::string;
  for (std::size_t i = 0; i < call.types.size(); ++i) {
    if (!coercible(call.types[i], text) && call.types[i].kind() != TypeKind::binary) {
      return failure(wrong_type("concat", i, call.types[i], text.name()));
    }
  }
  return call_of(std::vector<Type>(call.types.size(), text), text, string_kernel<concat_of>, true);
}

std::vector<Function> concat_functions() {
  FunctionList list("Strings");
  const Type text = TypeKind::string;
  list.add({"concat"}, "concat(a, …)", "strings, binaries or arrays one after the other", "concat('a', 'b') = 'ab'",
           resolve_concat);
  list.add({"concat_ws"}, "concat_ws(separator, a, …) -> string", "strings joined, nulls left out",
           "concat_ws('-', 'a', null, 'b') = 'a-b'", resolve_concat_ws);
  const TypeRule reverse_text = fixed({"reverse", {text}, 1, text, string_kernel<reverse_of>});
  list.add({"reverse"}, "reverse(a)", "a text or an array the other way round", "reverse('abc') = 'cba'",
           [reverse_text](const CallTypes& call) -> Result<ResolvedCall> {
             if (call.types.size() == 1 && call.types[0].kind() == TypeKind::array) {
               return call_of({call.types[0]}, call.types[0], reverse_arrays);
             }
             return reverse_text(call);
           });
  return list.take();
}

}  // namespace streamrun
