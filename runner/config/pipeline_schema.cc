#include "runner/config/pipeline_schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "runner/config/spec_binding.h"

namespace streamrun {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Shape::Kind;

constexpr auto kNoMin = std::numeric_limits<std::int64_t>::min();
constexpr auto kNoMax = std::numeric_limits<std::int64_t>::max();

// What YAML makes of a scalar counts for nothing where its text is asked for.
const Json kAnyScalar = {"string", "number", "boolean", "null"};

Json reference(std::string_view name) {
  return {{"$ref", fmt::format("#/definitions/{}", name)}};
}

// `${NAME}` may stand for any scalar: what it holds is checked when the pipeline is compiled.
Json or_variable(Json scalar) {
  return {{"anyOf", {std::move(scalar), reference("variable")}}};
}

Json pattern(std::string_view expression) {
  return {{"type", "string"}, {"pattern", expression}};
}

// Definitions of the scalars and mappings that many options share; a shape's kind is its name.
struct Shared {
  Kind kind;
  std::string_view name;
  Json schema;
};

Json simple_types() {
  Json names = Json::array();
  for (const TypeKind kind :
       {TypeKind::boolean, TypeKind::int32, TypeKind::int64, TypeKind::float32, TypeKind::float64, TypeKind::string,
        TypeKind::binary, TypeKind::date, TypeKind::timestamp, TypeKind::variant}) {
    names.push_back(Type(kind).name());
  }
  return names;
}

const std::vector<Shared>& shared() {
  constexpr std::string_view kName = "[A-Za-z_][A-Za-z0-9_]*";
  static const std::vector<Shared> all = {
      {Kind::duration, "duration",
       or_variable({{"type", "string"},
                    {"pattern", "^[1-9][0-9]*(ms|s|m|h)$"},
                    {"description", "A whole, positive number and a unit: 500ms, 1s, 5m, 2h."}})},
      {Kind::expression,
       "expression",
       {{"type", kAnyScalar}, {"minLength", 1}, {"description", "A Spark SQL expression: `amount * 2 > :limit`."}}},
      {Kind::name, "column", {{"type", kAnyScalar}, {"minLength", 1}, {"description", "The name of a column."}}},
      {Kind::identifier, "name", or_variable(pattern(fmt::format("^{}$", kName)))},
      {Kind::stream, "stream",
       or_variable({{"type", "string"},
                    {"pattern", fmt::format("^{}(\\.errors)?$", kName)},
                    {"description", "The name of a source, stream or table; NAME.errors for its rejects."}})},
      {Kind::type,
       "type",
       {{"anyOf", {{{"enum", simple_types()}}, {{"type", "string"}, {"minLength", 1}}}},
        {"description",
         "A type: boolean, int, bigint, float, double, decimal(p,s), string, binary, date, timestamp, array<T>, "
         "map<K,V>, struct<a:T,…> or variant."}}},
      {Kind::secret,
       "secret",
       {{"anyOf",
         {{{"type", kAnyScalar}},
          {{"type", "object"},
           {"properties", {{"env", {{"type", "string"}}}, {"file", {{"type", "string"}}}}},
           {"additionalProperties", false},
           {"minProperties", 1},
           {"maxProperties", 1}}}}}},
      {Kind::schema,
       "schema",
       {{"anyOf",
         {{{"type", "object"}, {"minProperties", 1}, {"additionalProperties", reference("type")}},
          {{"type", "string"}, {"minLength", 1}}}},
        {"description",
         "Names and types of the columns, or the path of a file that holds them, relative to this one."}}},
      {Kind::rows, "rows", {{"type", "array"}, {"items", reference("row")}}},
  };
  return all;
}

// Whole numbers: bounds only where there are some.
Json bounded(Json schema, const Shape& shape) {
  if (shape.min != kNoMin) schema["minimum"] = shape.min;
  if (shape.max != kNoMax) schema["maximum"] = shape.max;
  return schema;
}

// The default as a value, where it is one: `the pipeline's` and its like are told in words.
std::optional<Json> default_value(const Shape& shape, std::string_view text) {
  const std::string value(text);
  switch (shape.kind) {
    case Kind::boolean:
      if (text == "true" || text == "false") return text == "true";
      return std::nullopt;
    case Kind::integer:
    case Kind::number: {
      const Json number = Json::parse(value, nullptr, false);
      return number.is_number() ? std::optional(number) : std::nullopt;
    }
    case Kind::duration: return parse_duration(text) ? std::optional<Json>(value) : std::nullopt;
    case Kind::size: return parse_byte_size(text) ? std::optional<Json>(value) : std::nullopt;
    case Kind::choice:
      if (std::find(shape.choices.begin(), shape.choices.end(), text) != shape.choices.end()) return value;
      return std::nullopt;
    case Kind::any_of:
      for (const Shape& one : shape.of) {
        if (auto found = default_value(one, text)) return found;
      }
      return std::nullopt;
    case Kind::text:
    case Kind::name:
    case Kind::identifier: return value;
    default: return std::nullopt;
  }
}

class SchemaMaker {
 public:
  explicit SchemaMaker(const Catalog& catalog) : catalog_(catalog) {}

  Json make() {
    definitions_["variable"] = pattern("\\$\\{");
    definitions_["variable"]["description"] = "A variable: ${NAME}, ${NAME:-default} or ${NAME:?message}.";
    definitions_["row"] = {
        {"type", {"object", "string", "number", "boolean", "null"}},
        {"description",
         "`{column: value}`. A value alone is the column `value` of a queue without a schema, or in `tests:` the one "
         "column of an output."}};
    for (const Shared& one : shared()) definitions_[std::string(one.name)] = one.schema;
    definitions_["size"] = or_variable(pattern("^[0-9]+([KMGT]i?B|kB|B)?$"));
    definitions_["source"] = mapping_of_kind(catalog_.sources(), SourceCommon::options(), kSourceFormat, "source");
    definitions_["table"] = mapping_of_kind(catalog_.sources(), SourceCommon::table_options(), kSourceFormat, "source");
    definitions_["output"] = mapping_of_kind(catalog_.sinks(), OutputCommon::options(), kOutputFormat, "output");
    definitions_["step"] = step();
    Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                   {"title", "A streamrun pipeline"},
                   {"description", "Sources, streams of steps, and ordered outputs, run batch by batch."}};
    schema.update(closed(pipeline_options()));
    // Sections may stand in files that it includes, and it may be such a file.
    schema.erase("required");
    schema["anyOf"] = {
        {{"required", {"batch_interval", "sources", "outputs"}}},
        {{"required", {"batch_interval", "include"}}},
        {{"propertyNames", {{"enum", includable_sections()}}}, {"not", {{"required", {"sources", "outputs"}}}}}};
    schema["definitions"] = std::move(definitions_);
    return schema;
  }

 private:
  Json of(const Shape& shape) {
    for (const Shared& one : shared()) {
      if (one.kind == shape.kind) return reference(one.name);
    }
    switch (shape.kind) {
      case Kind::boolean: return or_variable({{"type", "boolean"}});
      case Kind::integer: return or_variable(bounded({{"type", "integer"}}, shape));
      case Kind::number: return or_variable({{"type", "number"}});
      case Kind::size: return {{"anyOf", {bounded({{"type", "integer"}}, shape), reference("size")}}};
      case Kind::choice: {
        Json values = shape.choices;
        // Where it is not quoted it is no text to YAML.
        if (std::ranges::find(shape.choices, "null") != shape.choices.end()) values.push_back(nullptr);
        return or_variable({{"enum", std::move(values)}});
      }
      case Kind::list: return list(shape);
      case Kind::map_of: return map(shape);
      case Kind::mapping: return closed(*shape.table);
      case Kind::source: return reference("source");
      case Kind::table: return reference("table");
      case Kind::step: return reference("step");
      case Kind::output: return reference("output");
      case Kind::value: return Json::object();
      case Kind::any_of: {
        Json all = Json::array();
        for (const Shape& one : shape.of) all.push_back(of(one));
        return {{"anyOf", std::move(all)}};
      }
      default: break;
    }
    if (shape.max == kNoMax) return {{"type", kAnyScalar}};
    return or_variable({{"type", "string"}, {"minLength", 1}, {"maxLength", shape.max}});
  }

  Json list(const Shape& shape) {
    Json items = {{"type", "array"}, {"items", of(shape.of[0])}};
    if (shape.min != kNoMin) items["minItems"] = shape.min;
    if (!shape.single) return items;
    return {{"anyOf", {std::move(items), of(shape.of[0])}}};
  }

  Json map(const Shape& shape) {
    Json all = {{"type", "object"}, {"additionalProperties", of(shape.of[0])}};
    if (shape.min != kNoMin) all["minProperties"] = shape.min;
    if (shape.of.size() > 1) all["propertyNames"] = of(shape.of[1]);
    return all;
  }

  Json entry(const OptionEntry& entry) {
    Json schema = of(entry.shape);
    const auto value = default_value(entry.shape, entry.default_text);
    const bool said = !entry.default_text.empty() && !value;
    schema["description"] = said ? fmt::format("{} (default: {})", entry.help, entry.default_text) : entry.help;
    if (!entry.default_text.empty() && value) schema["default"] = *value;
    return schema;
  }

  void add_entries(const OptionTable& table, Json& properties, Json& required) {
    for (const OptionEntry& one : table.entries()) {
      properties[std::string(one.name)] = entry(one);
      if (one.required) required.push_back(one.name);
    }
  }

  Json closed(const OptionTable& table) {
    Json properties = Json::object();
    Json required = Json::array();
    add_entries(table, properties, required);
    Json schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
    if (!required.empty()) schema["required"] = std::move(required);
    for (const auto& choice : table.choices()) {
      Json one_of = Json::array();
      for (const std::string_view name : choice) one_of.push_back({{"required", {name}}});
      schema["allOf"].push_back({{"oneOf", std::move(one_of)}});
    }
    return schema;
  }

  // What an operator takes: a mapping of its options, its one argument, or nothing.
  Json argument(const OptionTable& table) {
    std::vector<Json> forms;
    if (table.whole()) forms.push_back(entry(*table.whole()));
    if (!table.entries().empty() || !table.whole()) forms.push_back(closed(table));
    if (table.may_be_bare()) forms.push_back({{"type", "null"}});
    if (forms.size() == 1) return forms[0];
    return {{"anyOf", forms}};
  }

  template <class D>
  Json operator_schema(const D& one) {
    Json schema = argument(one.options);
    schema["description"] = fmt::format("{}\n\n{}", one.summary, one.example);
    return schema;
  }

  // A source, table or output: its kind, the options of all kinds, and those of its format.
  template <class D>
  Json mapping_of_kind(std::span<const D> kinds, const OptionTable& common, std::string_view default_format,
                       std::string_view what) {
    constexpr bool reads = std::is_same_v<D, SourceDescriptor>;
    Json properties = Json::object();
    Json required = Json::array();
    Json one_kind = Json::array();
    Json rules = Json::array();
    Json formats = Json::array();
    Json without_format = {{"format", false}};
    for (const FormatDescriptor& format : catalog_.formats()) {
      if (reads ? !format.bind_read : !format.make_encoder) continue;
      formats.push_back(format.name);
      for (const OptionEntry& option : format.options.entries()) without_format[std::string(option.name)] = false;
    }
    for (const D& kind : kinds) {
      const std::string definition = fmt::format("{}_{}", what, kind.name);
      if (!definitions_.contains(definition)) definitions_[definition] = operator_schema(kind);
      properties[std::string(kind.name)] = reference(definition);
      one_kind.push_back({{"required", {kind.name}}});
      if (!kind.takes_format) {
        rules.push_back({{"if", {{"required", {kind.name}}}}, {"then", {{"properties", without_format}}}});
      }
    }
    if (common.find("rows")) one_kind.push_back({{"required", {"rows"}}});
    add_entries(common, properties, required);
    properties["format"] = or_variable({{"enum", formats}});
    properties["format"]["description"] = "How records are written as bytes.";
    properties["format"]["default"] = default_format;
    for (const FormatDescriptor& format : catalog_.formats()) {
      add_format(format, format.name == default_format, reads, without_format, properties, rules);
    }
    Json schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
    if (!required.empty()) schema["required"] = std::move(required);
    schema["oneOf"] = std::move(one_kind);
    schema["allOf"] = std::move(rules);
    return schema;
  }

  // The options of a format stand beside `format:`; those of others may not.
  void add_format(const FormatDescriptor& format, bool is_default, bool reads, const Json& of_any_format,
                  Json& properties, Json& rules) {
    Json required = Json::array();
    add_entries(format.options, properties, required);
    if (reads && format.needs_schema) required.push_back("schema");
    Json chosen = {{"properties", {{"format", {{"const", format.name}}}}}};
    if (!is_default) chosen["required"] = {"format"};
    Json others = of_any_format;
    others.erase("format");
    for (const OptionEntry& own : format.options.entries()) others.erase(std::string(own.name));
    Json then = Json::object();
    if (!others.empty()) then["properties"] = std::move(others);
    if (!required.empty()) then["required"] = std::move(required);
    if (!then.empty()) rules.push_back({{"if", std::move(chosen)}, {"then", std::move(then)}});
  }

  // To a step that writes and reads them. Which one is the default depends on its `schema`.
  void add_formats_both_ways(Json& schema) {
    Json names = Json::array();
    Json options = Json::object();
    std::vector<const FormatDescriptor*> formats;
    for (const FormatDescriptor& format : catalog_.formats()) {
      if (!format.bind_read || !format.make_encoder) continue;
      formats.push_back(&format);
      names.push_back(format.name);
      for (const OptionEntry& option : format.options.entries()) options[std::string(option.name)] = false;
    }
    Json& properties = schema["properties"];
    const Json said = properties["format"]["description"];
    properties["format"] = or_variable({{"enum", std::move(names)}});
    properties["format"]["description"] = said;
    Json rules = Json::array();
    for (const FormatDescriptor* format : formats) {
      add_format(*format, format->name == kOutputFormat, true, options, properties, rules);
    }
    schema["allOf"] = std::move(rules);
  }

  Json step() {
    Json bare = Json::array();
    Json properties = Json::object();
    for (const TransformDescriptor& one : catalog_.transforms()) {
      const std::string definition = fmt::format("step_{}", one.name);
      definitions_[definition] = operator_schema(one);
      if (one.options.find("format") != nullptr) add_formats_both_ways(definitions_[definition]);
      properties[std::string(one.name)] = reference(definition);
      if (one.options.may_be_bare()) bare.push_back(one.name);
    }
    Json keyed = {{"type", "object"},
                  {"additionalProperties", false},
                  {"properties", std::move(properties)},
                  {"minProperties", 1},
                  {"maxProperties", 1}};
    return {{"anyOf", {std::move(keyed), or_variable({{"enum", std::move(bare)}})}},
            {"description", "One step: its name and its arguments."}};
  }

  const Catalog& catalog_;
  Json definitions_ = Json::object();
};

}  // namespace

nlohmann::ordered_json pipeline_schema(const Catalog& catalog) {
  return SchemaMaker(catalog).make();
}

}  // namespace streamrun
