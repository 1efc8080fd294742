#include <nlohmann/json.hpp>

#include "runner/plan/explain.h"

namespace streamrun {
namespace {

using Json = nlohmann::ordered_json;

Json node_json(const ExplainNode& node) {
  Json made = {{"id", node.id.value}, {"kind", role_name(node.role)}, {"name", node.name}};
  if (!node.work.empty()) made["work"] = node.work;
  if (!node.collects.empty()) made["collects"] = node.collects;
  Json columns = Json::array();
  for (const Field& field : *node.columns) columns.push_back({{"name", field.name}, {"type", field.type.name()}});
  made["columns"] = std::move(columns);
  if (node.role == ExplainNode::Role::source || node.role == ExplainNode::Role::table) made["decodes"] = node.decoded;
  // Null: as many as its topics have.
  made["partitions"] = node.partitions == 0 ? Json() : Json(node.partitions);
  made["phase"] = node.phase;
  return made;
}

Json ids(const std::vector<NodeId>& nodes) {
  Json all = Json::array();
  for (const NodeId id : nodes) all.push_back(id.value);
  return all;
}

}  // namespace

std::string explain_json(const Explanation& explanation) {
  const PhysicalPlan& plan = *explanation.plan;
  Json made = {{"name", plan.settings.name},
               {"batch_interval", format_duration(plan.settings.batch_interval)},
               {"concurrent_outputs", plan.settings.concurrent_outputs},
               {"parallelism", *plan.settings.parallelism},
               {"memory", plan.settings.memory->bytes},
               {"nodes", Json::array()},
               {"edges", Json::array()},
               {"phases", Json::array()}};
  for (const ExplainNode& node : explanation.nodes) made["nodes"].push_back(node_json(node));
  for (const ExplainEdge& edge : explanation.edges) {
    made["edges"].push_back(Json{{"from", edge.from.value}, {"to", edge.to.value}, {"kind", edge_name(edge.kind)}});
  }
  for (const PlanPhase& phase : plan.phases) {
    made["phases"].push_back(Json{{"drivers", ids(phase.drivers)}, {"completes", ids(phase.completing)}});
  }
  return made.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace streamrun
