#include <algorithm>
#include <utility>

#include "runner/operator/options.h"

namespace streamrun {
namespace {

bool takes_mappings(const Shape& shape) {
  if (shape.kind == Shape::Kind::map_of || shape.kind == Shape::Kind::mapping) return true;
  for (const Shape& one : shape.of) {
    if (shape.kind == Shape::Kind::any_of && takes_mappings(one)) return true;
  }
  return false;
}

OptionEntry entry_of(std::string_view name, std::string_view help, std::string_view default_text, bool required,
                     Shape shape, Bounds bounds) {
  OptionEntry made;
  made.name = name;
  made.help = help;
  made.default_text = default_text;
  made.required = required;
  made.shape = std::move(shape);
  if (made.shape.kind == Shape::Kind::integer || made.shape.kind == Shape::Kind::size) {
    made.shape.min = std::max(made.shape.min, bounds.min);
    made.shape.max = std::min(made.shape.max, bounds.max);
  }
  return made;
}

}  // namespace

Shape::Shape() = default;
Shape::Shape(const Shape& other) = default;
Shape::Shape(Shape&& other) noexcept = default;
Shape& Shape::operator=(const Shape& other) = default;
Shape& Shape::operator=(Shape&& other) noexcept = default;
Shape::~Shape() = default;

OptionEntry::OptionEntry() = default;
OptionEntry::OptionEntry(const OptionEntry& other) = default;
OptionEntry::OptionEntry(OptionEntry&& other) noexcept = default;
OptionEntry& OptionEntry::operator=(const OptionEntry& other) = default;
OptionEntry& OptionEntry::operator=(OptionEntry&& other) noexcept = default;
OptionEntry::~OptionEntry() = default;

OptionTable::OptionTable() = default;
OptionTable::OptionTable(const OptionTable& other) = default;
OptionTable::OptionTable(OptionTable&& other) noexcept = default;
OptionTable& OptionTable::operator=(const OptionTable& other) = default;
OptionTable& OptionTable::operator=(OptionTable&& other) noexcept = default;
OptionTable::~OptionTable() = default;

void OptionsBase::add(std::string_view name, std::string_view help, std::string_view default_text, bool required,
                      Shape shape, Bounds bounds, Decode decode) {
  table_.entries_.push_back(entry_of(name, help, default_text, required, std::move(shape), bounds));
  table_.entries_.back().decode = std::move(decode);
}

void OptionsBase::add_whole(std::string_view help, Shape shape, Bounds bounds, Decode decode) {
  table_.whole_ = entry_of({}, help, {}, true, std::move(shape), bounds);
  table_.whole_->decode = std::move(decode);
  table_.whole_takes_mappings_ = takes_mappings(table_.whole_->shape);
}

void OptionsBase::add_choice(std::vector<std::string_view> names) {
  table_.choices_.push_back(std::move(names));
}

}  // namespace streamrun
