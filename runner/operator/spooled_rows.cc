#include "runner/operator/spooled_rows.h"

#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace streamrun {
namespace {

void write_number(std::uint64_t value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void write_text(std::string_view text, std::string& out) {
  write_number(text.size(), out);
  out += text;
}

// Reads what was written by this process: it is trusted.
class Reader {
 public:
  explicit Reader(SpooledBytes bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t number() {
    std::uint64_t value;
    copy(&value, sizeof value);
    return value;
  }
  void copy(void* to, std::size_t n) {
    if (n != 0) std::memcpy(to, bytes_.bytes.data() + at_, n);
    at_ += n;
  }
  std::string_view take(std::size_t n) { return bytes_.bytes.substr(std::exchange(at_, at_ + n), n); }
  const std::shared_ptr<const std::string>& keep() const { return bytes_.keep; }

 private:
  SpooledBytes bytes_;
  std::size_t at_ = 0;
};

void write_column(const Column& column, std::string& out) {
  write_number(column.rows(), out);
  write_number(column.constant() ? 1 : 0, out);
  const auto words = column.validity.words();
  write_number(words.size(), out);
  out.append(reinterpret_cast<const char*>(words.data()), words.size_bytes());
  with_storage(column.type().kind(), [&]<class T>() {
    if constexpr (std::is_same_v<T, StringRef>) {
      for (std::uint32_t i = 0; i < column.slots(); ++i) {
        const StringRef text = column.validity.test(i) ? column.values<StringRef>()[i] : StringRef();
        write_text(text.view(), out);
      }
    } else if constexpr (!std::is_void_v<T>) {
      out.append(reinterpret_cast<const char*>(column.values<T>()), column.slots() * sizeof(T));
    }
  });
  for (const ColumnPtr& child : column.children) write_column(*child, out);
}

MutableColumn read_column(const Type& type, Reader& in) {
  const auto rows = static_cast<std::uint32_t>(in.number());
  const bool constant = in.number() != 0;
  const MutableColumn column = constant ? Column::make_constant(type, rows) : Column::make(type, rows);
  const std::uint32_t slots = column->slots();
  const std::uint64_t words = in.number();
  for (std::uint64_t w = 0; w < words; ++w) {
    const std::uint64_t bits = in.number();
    for (std::uint32_t b = 0; b < 64; ++b) {
      const std::uint64_t slot = w * 64 + b;
      if (slot < slots && ((bits >> b) & 1U) == 0) column->set_null(static_cast<std::uint32_t>(slot));
    }
  }
  with_storage(type.kind(), [&]<class T>() {
    if constexpr (std::is_same_v<T, StringRef>) {
      for (std::uint32_t i = 0; i < slots; ++i) {
        column->values<StringRef>()[i] = StringRef(in.take(in.number()));
      }
      column->keep(in.keep());
    } else if constexpr (!std::is_void_v<T>) {
      in.copy(column->values<T>(), slots * sizeof(T));
    }
  });
  for (const Field& field : type.fields()) column->children.push_back(read_column(field.type, in));
  return column;
}

// The selected rows alone. A gather of lists would bring all elements of the others along.
ColumnPtr selected(const ColumnPtr& column, const Selection& selection, const std::vector<std::uint32_t>& rows) {
  if (column->type().is_nested()) {
    ColumnBuilder builder(column->type());
    builder.append(*column, rows);
    return builder.finish();
  }
  return selection.dense() ? column : gather(column, rows);
}

}  // namespace

void write_rows(const std::vector<ColumnPtr>& columns, const Selection& selection, std::string& out) {
  std::vector<std::uint32_t> rows;
  rows.reserve(selection.count());
  selection.for_each([&](std::uint32_t row) { rows.push_back(row); });
  for (const ColumnPtr& column : columns) {
    write_number(column != nullptr ? 1 : 0, out);
    if (column != nullptr) write_column(*selected(column, selection, rows), out);
  }
}

std::vector<ColumnPtr> read_rows(const Schema& schema, SpooledBytes bytes) {
  Reader reader(std::move(bytes));
  std::vector<ColumnPtr> columns;
  for (std::uint32_t i = 0; i < schema.size(); ++i) {
    columns.push_back(reader.number() != 0 ? read_column(schema.at(i).type, reader) : nullptr);
  }
  return columns;
}

}  // namespace streamrun
