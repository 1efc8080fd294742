// Variants: JSON values of any shape.
#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/json/variant_cast.h"

namespace streamrun {
namespace {

template <bool attempt>
void parse_json(const KernelCall& call) {
  StringWriter writer(call);
  JsonText text;
  std::string made;
  call.selection.for_each([&](std::uint32_t row) {
    const std::string_view given = text_at(call, 0, row);
    made.clear();
    const bool sound = text.open(given, kStrictJson) && rewrite_json(text.cursor(), 0, kParsedForm, made);
    writer.set(row, sound ? std::string_view(made) : std::string_view("null"));
    if (sound) return;
    if (attempt) {
      call.out.set_null(call.out.slot(row));
      return;
    }
    const char* reason = text.cursor().reason;
    call.context.errors.add(row, "'" + excerpt(given) + "' is no JSON" + (reason == nullptr ? "" : ": ") +
                                     (reason == nullptr ? "" : reason));
  });
}

template <bool attempt>
void variant_get(const KernelCall& call) {
  cast_variants(call, static_cast<const JsonPath*>(call.prepared), attempt);
}

Result<std::shared_ptr<const void>> prepare_path(std::span<const ColumnPtr> constants) {
  Result<JsonPath> path = parse_json_path(constants[1]->value<StringRef>(0).view(), false);
  if (!path) return pass_on(path);
  return std::shared_ptr<const void>(std::make_shared<JsonPath>(*std::move(path)));
}

template <bool attempt>
Result<ResolvedCall> resolve_variant_get(std::string_view name, const CallTypes& call) {
  const Result<> count = check_count(name, call, 2, 3);
  if (!count) return pass_on(count);
  if (call.types[0].kind() != TypeKind::variant && !is_null_type(call.types[0])) {
    return failure(wrong_type(name, 0, call.types[0], "variant"));
  }
  for (std::size_t i = 1; i < call.types.size(); ++i) {
    const ColumnPtr& constant = call.constants[i];
    if (call.types[i].kind() == TypeKind::string && constant != nullptr && !constant->is_null(0)) continue;
    return failure("argument " + std::to_string(i + 1) + " of " + std::string(name) + " is a constant text");
  }
  Type type = TypeKind::variant;
  if (call.types.size() == 3) {
    TypeSyntaxError error;
    const auto parsed = parse_type(call.constants[2]->value<StringRef>(0).view(), error);
    if (!parsed) return failure("argument 3 of " + std::string(name) + " is a type: " + error.message);
    type = *parsed;
  }
  if (!variant_castable(type)) return failure("a variant has no form as " + type.name());
  ResolvedCall resolved = call_of({call.types.begin(), call.types.end()}, type, variant_get<attempt>, !attempt);
  resolved.arguments[0] = TypeKind::variant;
  resolved.prepare = prepare_path;
  return resolved;
}

}  // namespace

std::vector<Function> variant_functions() {
  const Type text = TypeKind::string, variant = TypeKind::variant;
  FunctionList list("JSON");
  list.add({"parse_json"}, "parse_json(text) -> variant", "a JSON value of any shape",
           "parse_json('{\"a\":1}'):a::int = 1", fixed({"parse_json", {text}, 1, variant, parse_json<false>, true}));
  list.add({"try_parse_json"}, "try_parse_json(text) -> variant", "as parse_json, null where the text is no JSON",
           "try_parse_json('{') is null", fixed({"try_parse_json", {text}, 1, variant, parse_json<true>}));
  list.add({"variant_get"}, "variant_get(v, path[, type])",
           "what a path leads to, as a type; `v:path::type` is the same",
           "variant_get(parse_json('{\"a\":[7]}'), '$.a[0]', 'int') = 7",
           [](const CallTypes& call) { return resolve_variant_get<false>("variant_get", call); });
  list.add({"try_variant_get"}, "try_variant_get(v, path[, type])",
           "as variant_get, null where the value has no such form",
           "try_variant_get(parse_json('{\"a\":\"x\"}'), '$.a', 'int') is null",
           [](const CallTypes& call) { return resolve_variant_get<true>("try_variant_get", call); });
  return list.take();
}

}  // namespace streamrun
