// Counts rows and forgets them.
#include "operators/builtin_catalog.h"
#include "runner/operator/sink.h"

namespace streamrun {
namespace {

struct DiscardOptions {};

class DiscardStage final : public Stage {
 public:
  Result<> append(StagedRows&&) override { return {}; }
  Result<> publish() override { return {}; }
  void discard() override {}
};

class DiscardSink final : public Sink {
 public:
  void encode(const RecordBatch& batch, KernelContext&, std::vector<StagedRows>& out) const override {
    out.push_back({{}, {}, batch.selection.count()});
  }
  Result<std::unique_ptr<Stage>> stage(BatchTime) override { return std::make_unique<DiscardStage>(); }
};

std::optional<BoundSink> bind(const DiscardOptions&, SinkBindContext&) {
  BoundSink bound;
  bound.guarantee = "nothing is kept";
  bound.open = [](const Environment&) { return std::make_unique<DiscardSink>(); };
  return bound;
}

}  // namespace

SinkDescriptor describe_discard_sink() {
  return describe_connector<DiscardOptions>("discard", "counts rows and forgets them",
                                            "{name: out, from: in, discard: {}}", false,
                                            Options<DiscardOptions>{}.table(), &bind);
}

}  // namespace streamrun
