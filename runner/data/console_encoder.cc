// Rows as Spark prints them: a value alone, or `(a,b,c)`, texts as its cast to string makes them.
#include <string>

#include "runner/data/codec.h"
#include "runner/data/text_value.h"

namespace streamrun {
namespace {

class ConsoleEncoder final : public Encoder {
 public:
  void encode(const std::vector<ColumnPtr>& columns, const Selection& selection, std::string& out) const override {
    const bool tuple = columns.size() != 1;
    selection.for_each([&](std::uint32_t row) {
      if (tuple) out += '(';
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (i != 0) out += ',';
        if (columns[i]->type().kind() == TypeKind::null || columns[i]->is_null(row)) {
          out += "null";
        } else {
          append_text(*columns[i], row, out);
        }
      }
      out += tuple ? ")\n" : "\n";
    });
  }
};

}  // namespace

std::unique_ptr<Encoder> make_console_encoder(const std::vector<Field>&) {
  return std::make_unique<ConsoleEncoder>();
}

}  // namespace streamrun
