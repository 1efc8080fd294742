// JSON in texts.
#include <algorithm>

#include "runner/expr/functions/lists.h"
#include "runner/expr/functions/placing.h"
#include "runner/expr/functions/rules.h"
#include "runner/expr/json/json_path.h"
#include "runner/expr/json/json_schema.h"
#include "runner/expr/json/json_typed.h"
#include "runner/expr/json/json_write.h"
#include "runner/expr/lexer.h"

namespace streamrun {
namespace {

constexpr std::string_view kTimestampForm = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX";

// The options of a call, the last argument: a constant map of texts.
class JsonOptions {
 public:
  explicit JsonOptions(ColumnPtr map) : map_(std::move(map)) {}

  std::string find(std::string_view name, std::string_view otherwise = {}) const {
    if (!map_ || map_->is_null(0)) return std::string(otherwise);
    const ListRef& list = map_->value<ListRef>(0);
    for (std::uint32_t i = list.offset; i < list.offset + list.length; ++i) {
      if (!same_word(map_->children[0]->value<StringRef>(i).view(), name)) continue;
      return std::string(map_->children[1]->value<StringRef>(i).view());
    }
    return std::string(otherwise);
  }
  Result<CompiledTime> time(std::string_view timestamps) const {
    CompiledTime out;
    const auto compile = [](const std::string& text, std::optional<TimePattern>& to) -> Result<> {
      if (text.empty()) return {};
      Result<TimePattern> pattern = TimePattern::compile(text);
      if (!pattern) return pass_on(pattern);
      to = *std::move(pattern);
      return {};
    };
    if (const Result<> made = compile(find("dateFormat"), out.date); !made) return pass_on(made);
    if (const Result<> made = compile(find("timestampFormat", timestamps), out.timestamp); !made) return pass_on(made);
    return out;
  }

 private:
  ColumnPtr map_;
};

Result<> check_options(std::string_view name, const CallTypes& call, std::size_t at) {
  if (call.types.size() <= at) return {};
  const Type map = Type::map(TypeKind::string, TypeKind::string);
  if (call.types[at] == map && call.constants[at] != nullptr) return {};
  return failure("argument " + std::to_string(at + 1) + " of " + std::string(name) +
                 " is a constant map of texts: map('dateFormat', 'dd.MM.yyyy')");
}

bool to_json_of(const KernelCall& call, std::uint32_t row, std::string& text) {
  write_json(*static_cast<const JsonWriting*>(call.prepared), *call.arguments[0], row, text);
  return true;
}

Result<ResolvedCall> resolve_to_json(const CallTypes& call) {
  const Result<> count = check_count("to_json", call, 1, 2);
  if (!count) return pass_on(count);
  if (const Result<> options = check_options("to_json", call, 1); !options) return pass_on(options);
  const Type& type = call.types[0];
  if (!type.is_nested() && type.kind() != TypeKind::variant && !is_null_type(type)) {
    return failure(wrong_type("to_json", 0, type, "a struct, an array, a map or a variant"));
  }
  ResolvedCall resolved = call_of({call.types.begin(), call.types.end()}, TypeKind::string, string_kernel<to_json_of>);
  resolved.prepare = [](std::span<const ColumnPtr> constants) -> Result<std::shared_ptr<const void>> {
    const JsonOptions options(constants.size() > 1 ? constants[1] : nullptr);
    Result<CompiledTime> time = options.time(kTimestampForm);
    if (!time) return pass_on(time);
    const bool omit = !same_word(options.find("ignoreNullFields", "true"), "false");
    return std::shared_ptr<const void>(std::make_shared<JsonWriting>(*std::move(time), omit));
  };
  return resolved;
}

// A call of from_json, ready to read.
struct JsonReading {
  JsonTyping typing;
  bool fail_fast = false;
  std::optional<std::size_t> corrupt;  // the field that takes a record that is not as it should be
};

// One text as one row of `out`; what is not as it should be is null, part by part.
void read_record(const JsonReading& reading, std::string_view record, JsonText& text, ValueBuilder& out, bool& flawed) {
  const bool structure = out.type().kind() == TypeKind::structure;
  const std::uint32_t rows = out.rows();
  JsonRead read = JsonRead::broken;
  if (text.open(record, kSingleQuotes | kNotNumbers)) {
    JsonCursor& cursor = text.cursor();
    const bool single = out.type().kind() == TypeKind::array && cursor.token() == '{' &&
                        out.type().element().kind() == TypeKind::structure;
    read = read_typed_json(reading.typing, cursor, single ? out.child(0) : out, flawed);
    if (single && read == JsonRead::ok) out.end_list();
    if (read == JsonRead::null && structure) {
      out.truncate(rows);
      read = JsonRead::mismatch;
    }
  }
  if (read == JsonRead::mismatch || read == JsonRead::broken) {
    flawed = true;
    out.truncate(rows);
    if (structure) {
      out.end_struct();
    } else {
      out.append_null();
    }
  }
  if (reading.corrupt && flawed) {
    out.child(*reading.corrupt).truncate(rows);
    out.child(*reading.corrupt).append_string(record);
  }
}

void from_json(const KernelCall& call) {
  const JsonReading& reading = *static_cast<const JsonReading*>(call.prepared);
  ValueBuilder builder(call.out.type());
  JsonText text;
  call.selection.for_each([&](std::uint32_t row) {
    const std::string_view record = text_at(call, 0, row);
    if (record.find_first_not_of(" \t\r\n") == std::string_view::npos) return builder.append_null();
    bool flawed = false;
    read_record(reading, record, text, builder, flawed);
    if (flawed && reading.fail_fast) {
      call.context.errors.add(row, "'" + excerpt(record) + "' is no " + call.out.type().name());
    }
  });
  place_rows(call, builder.finish());
}

Result<ResolvedCall> resolve_from_json(const CallTypes& call) {
  const Result<> count = check_count("from_json", call, 2, 3);
  if (!count) return pass_on(count);
  if (const Result<> options = check_options("from_json", call, 2); !options) return pass_on(options);
  if (call.types[0].kind() != TypeKind::string && !is_null_type(call.types[0])) {
    return failure(wrong_type("from_json", 0, call.types[0], "string"));
  }
  const ColumnPtr& schema = call.constants[1];
  if (call.types[1].kind() != TypeKind::string || schema == nullptr || schema->is_null(0)) {
    return failure("argument 2 of from_json is a constant schema: 'a int, b string'");
  }
  Result<Type> type = parse_json_schema(schema->value<StringRef>(0).view());
  if (!type) return pass_on(type);
  std::vector<Type> arguments(call.types.begin(), call.types.end());
  arguments[0] = TypeKind::string;
  ResolvedCall resolved = call_of(std::move(arguments), *type, from_json, true);
  resolved.prepare = [result = *type](std::span<const ColumnPtr> constants) -> Result<std::shared_ptr<const void>> {
    const JsonOptions options(constants.size() > 2 ? constants[2] : nullptr);
    auto reading = std::make_shared<JsonReading>();
    Result<CompiledTime> time = options.time({});
    if (!time) return pass_on(time);
    reading->typing = {read_json_scalar, &kReadForm, true, *std::move(time)};
    reading->fail_fast = same_word(options.find("mode"), "FAILFAST");
    const std::string corrupt = options.find("columnNameOfCorruptRecord", "_corrupt_record");
    for (std::size_t i = 0; result.kind() == TypeKind::structure && i < result.fields().size(); ++i) {
      const Field& field = result.fields()[i];
      if (field.name == corrupt && field.type.kind() == TypeKind::string) reading->corrupt = i;
    }
    return std::shared_ptr<const void>(std::move(reading));
  };
  return resolved;
}

// A path that is none gives null, as in Spark.
void get_json_object(const KernelCall& call) {
  StringWriter writer(call);
  JsonText text;
  std::string made, path_text;
  Result<JsonPath> path = JsonPath();
  bool known = false;
  call.selection.for_each([&](std::uint32_t row) {
    const std::string_view wanted = text_at(call, 1, row);
    if (!known || wanted != path_text) {
      path_text = wanted;
      path = parse_json_path(wanted, true);
      known = true;
    }
    made.clear();
    const bool found = path && text.open(text_at(call, 0, row), kSingleQuotes | kControlBytes) &&
                       extract_json_path(text.cursor(), *path, made);
    writer.set(row, found ? std::string_view(made) : std::string_view());
    if (!found) call.out.set_null(call.out.slot(row));
  });
}

void json_array_length(const KernelCall& call) {
  std::int32_t* out = call.out.values<std::int32_t>();
  JsonText text;
  call.selection.for_each([&](std::uint32_t row) {
    out[row] = 0;
    bool sound = text.open(text_at(call, 0, row), kSingleQuotes | kControlBytes) && text.cursor().token() == '[';
    JsonCursor& cursor = text.cursor();
    if (sound) ++cursor.at;
    while (sound && cursor.token() != ']') {
      sound = (out[row] == 0 || *cursor.here() == ',');
      if (sound && out[row] > 0) ++cursor.at;
      sound = sound && skip_json(cursor);
      ++out[row];
    }
    if (!sound) call.out.set_null(call.out.slot(row));
  });
}

bool schema_of_json_of(const KernelCall& call, std::uint32_t row, std::string& out) {
  JsonText text;
  Type type;
  if (!text.open(text_at(call, 0, row), kSingleQuotes | kNotNumbers) || !infer_json_type(text.cursor(), 0, type)) {
    call.context.errors.add(row, "'" + excerpt(text_at(call, 0, row)) + "' is no JSON");
    return true;
  }
  append_sql_type(type, out);
  return true;
}

Result<ResolvedCall> resolve_schema_of_json(const CallTypes& call) {
  const Result<> count = check_count("schema_of_json", call, 1, 1);
  if (!count) return pass_on(count);
  if (call.types[0].kind() != TypeKind::string || call.constants[0] == nullptr || call.constants[0]->is_null(0)) {
    return failure("schema_of_json takes a constant text");
  }
  return call_of({TypeKind::string}, TypeKind::string, string_kernel<schema_of_json_of>, true);
}

}  // namespace

std::vector<Function> json_functions() {
  const Type text = TypeKind::string;
  FunctionList list("JSON");
  list.add({"to_json"}, "to_json(x[, options]) -> string",
           "a struct, map, array or variant as JSON; fields that are null are left out",
           "to_json(named_struct('a', 1)) = '{\"a\":1}'", resolve_to_json);
  list.add({"from_json"}, "from_json(text, schema[, options])",
           "the value of a schema (`a int, b string`) that a text says; what is not so is null",
           "from_json('{\"a\":1}', 'a int').a = 1", resolve_from_json);
  list.add({"get_json_object"}, "get_json_object(text, path) -> string", "what a path leads to, as text",
           "get_json_object('{\"a\":[1,2]}', '$.a[1]') = '2'",
           fixed({"get_json_object", {text, text}, 2, text, get_json_object}));
  list.add({"json_array_length"}, "json_array_length(text) -> int", "elements of a JSON array, null if it is none",
           "json_array_length('[1,2]') = 2",
           fixed({"json_array_length", {text}, 1, TypeKind::int32, json_array_length}));
  list.add({"schema_of_json"}, "schema_of_json(text) -> string", "the schema of a constant text",
           "schema_of_json('{\"a\":1}') = 'STRUCT<a: BIGINT>'", resolve_schema_of_json);
  return list.take();
}

}  // namespace streamrun
