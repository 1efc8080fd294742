// What sinks of bytes share: the columns that are written, and their format.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/operator/sink.h"

namespace streamrun {

// Const, shared by threads.
class RowEncoder {
 public:
  // Null where the format cannot write these columns: a diagnostic was given.
  static std::shared_ptr<const RowEncoder> bind(const SinkBindContext& context);

  FormatDescriptor::Rows rows() const { return rows_; }
  std::string_view header() const { return encoder_->header(); }
  // Where what was written ends, when it is read again.
  const RecordFraming& framing() const { return framing_; }
  // The columns that are written, in their order.
  std::vector<ColumnPtr> pick(const RecordBatch& batch) const;
  void encode(const std::vector<ColumnPtr>& picked, const Selection& rows, std::string& out) const {
    encoder_->encode(picked, rows, out);
  }
  // All selected rows as one entry of `out`, without a route; nothing where there are none.
  void encode(const RecordBatch& batch, std::vector<StagedRows>& out) const;

 private:
  FormatDescriptor::Rows rows_ = FormatDescriptor::Rows::ended;
  std::vector<std::uint32_t> columns_;
  OptionsPtr options_;
  RecordFraming framing_;
  std::unique_ptr<Encoder> encoder_;
};

}  // namespace streamrun
