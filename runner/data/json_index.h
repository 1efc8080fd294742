// Where the tokens of JSON text begin: `{ } [ ] : ,`, strings and other scalars. simdjson's first stage, which
// also proves that the text is UTF-8, that every string is closed and that none holds a bare control byte.
//
// Several records are indexed in one call where they lie side by side: since no string may hold a line end, a
// call that succeeds has read each of them as if it were alone. Where it fails the caller goes record by record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace streamrun {

class JsonIndex {
 public:
  JsonIndex();
  ~JsonIndex();
  JsonIndex(const JsonIndex&) = delete;
  JsonIndex& operator=(const JsonIndex&) = delete;

  // Null, or the reason of the failure.
  const char* build(const char* text, std::size_t size);
  // Ascending; positions()[count()] is the size of the text.
  const std::uint32_t* positions() const { return positions_; }
  std::uint32_t count() const { return count_; }

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  const std::uint32_t* positions_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace streamrun
