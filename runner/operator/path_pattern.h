// Texts with {batch}, {output}, {partition}, {part}, {column} and strftime of the batch's time: paths of
// files and names of topics.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runner/base/diagnostic.h"
#include "runner/base/strong_id.h"
#include "runner/data/column.h"
#include "runner/data/type.h"
#include "runner/operator/name_shape.h"

namespace streamrun {

// Const once parsed; shared by threads.
class PathPattern {
 public:
  // Faults are diagnostics at `span`; a {name} that is none of ours is a column of `schema`.
  static std::optional<PathPattern> parse(std::string_view text, Span span, const Schema& schema,
                                          Diagnostics& diagnostics);

  bool has_batch() const { return has_batch_; }
  bool has_time() const { return has_time_; }  // {batch} or strftime
  bool has_partition() const { return has_partition_; }
  bool has_part() const { return has_part_; }
  const std::vector<std::uint32_t>& columns() const { return columns_; }
  // Some rows may go elsewhere than others of their batch.
  bool routes() const { return has_partition_ || !columns_.empty(); }
  // The same in every batch and for every row.
  bool fixed() const;
  // With {output} put in; what varies stands as it was written.
  std::string describe(std::string_view output) const;
  // All paths that it may become.
  NameShape shape(std::string_view output) const;
  // Bytes of the text, up to and with its last slash, that no row's value can change.
  std::string_view literal_folder() const { return literal_folder_; }
  // How many folders stand below that one, down to the file.
  std::size_t varying_folders(std::string_view output) const;

  // What a row adds to the path, appended to `route`. `columns` follow the schema.
  void route_of(std::span<const ColumnPtr> columns, std::uint32_t row, PartitionIndex partition,
                std::string& route) const;
  std::string render(BatchTime batch, std::string_view output, std::string_view route, std::uint32_t part) const;

 private:
  enum class Kind : std::uint8_t { text, time, batch, output, partition, part, column };
  struct Piece {
    Kind kind = Kind::text;
    std::string text;  // or a strftime pattern
    std::uint32_t column = 0;
  };
  struct OwnName;
  static const OwnName kOwnNames[4];
  bool add_name(std::string_view name, Span span, const Schema& schema, Diagnostics& diagnostics);

  std::vector<Piece> pieces_;
  std::vector<std::uint32_t> columns_;
  std::string literal_folder_;
  bool has_batch_ = false;
  bool has_time_ = false;
  bool has_partition_ = false;
  bool has_part_ = false;
};

// A value as one component of a path: `/`, control bytes, empty, `.` and `..` are percent-escaped, and a `%` that would
// read as such an escape.
void append_path_component(std::string_view value, std::string& out);

}  // namespace streamrun
