// Everything that a pipeline may name, in the order it is listed in help.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "runner/operator/format.h"
#include "runner/operator/sink.h"
#include "runner/operator/source.h"
#include "runner/operator/transform.h"

namespace streamrun {

class Catalog {
 public:
  void add(SourceDescriptor d) { sources_.push_back(std::move(d)); }
  void add(TransformDescriptor d) { transforms_.push_back(std::move(d)); }
  void add(SinkDescriptor d) { sinks_.push_back(std::move(d)); }
  void add(FormatDescriptor d) { formats_.push_back(std::move(d)); }

  std::span<const SourceDescriptor> sources() const { return sources_; }
  std::span<const TransformDescriptor> transforms() const { return transforms_; }
  std::span<const SinkDescriptor> sinks() const { return sinks_; }
  std::span<const FormatDescriptor> formats() const { return formats_; }

  // Null where there is none.
  const SourceDescriptor* source(std::string_view name) const { return find(sources_, name); }
  const TransformDescriptor* transform(std::string_view name) const { return find(transforms_, name); }
  const SinkDescriptor* sink(std::string_view name) const { return find(sinks_, name); }
  const FormatDescriptor* format(std::string_view name) const { return find(formats_, name); }

  // Of those that have a part in the form of a pipeline.
  const TransformDescriptor& uniting() const {
    return *std::ranges::find_if(transforms_, &TransformDescriptor::unites);
  }
  const SourceDescriptor& of_rows() const {
    return *std::ranges::find_if(sources_, [](const SourceDescriptor& one) { return !one.rows_option.empty(); });
  }

 private:
  template <class D>
  static const D* find(const std::vector<D>& all, std::string_view name) {
    for (const D& one : all) {
      if (one.name == name) return &one;
    }
    return nullptr;
  }

  std::vector<SourceDescriptor> sources_;
  std::vector<TransformDescriptor> transforms_;
  std::vector<SinkDescriptor> sinks_;
  std::vector<FormatDescriptor> formats_;
};

}  // namespace streamrun
