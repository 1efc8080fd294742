#include "runner/data/json_index.h"

#include <simdjson.h>

#include <algorithm>

namespace streamrun {
namespace {
constexpr std::size_t kCapacity = std::size_t{128} << 10;
constexpr std::size_t kLongest = std::size_t{1} << 30;
}  // namespace

struct JsonIndex::Parser {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
};

JsonIndex::JsonIndex() : parser_(std::make_unique<Parser>()) {}
JsonIndex::~JsonIndex() = default;

const char* JsonIndex::build(const char* text, std::size_t size) {
  count_ = 0;
  if (size > kLongest) return "the record is longer than 1 GiB";
  auto& stage = parser_->stage;
  // One long record must not pin its index for ever.
  if (!stage || stage->capacity() < size || (stage->capacity() > kCapacity && size <= kCapacity)) {
    stage.reset();
    const auto& implementation = simdjson::get_active_implementation();
    if (implementation->create_dom_parser_implementation(std::max(size, kCapacity), 1, stage) != simdjson::SUCCESS) {
      stage.reset();
      return "there is no memory for the record";
    }
  }
  const auto error = stage->stage1(reinterpret_cast<const std::uint8_t*>(text), size, simdjson::stage1_mode::regular);
  positions_ = stage->structural_indexes.get();
  if (error == simdjson::EMPTY) {
    stage->structural_indexes[0] = static_cast<std::uint32_t>(size);
    return nullptr;
  }
  if (error != simdjson::SUCCESS) return simdjson::error_message(error);
  count_ = stage->n_structural_indexes;
  return nullptr;
}

}  // namespace streamrun
