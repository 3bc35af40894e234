#include "longwave/train/results_lines.h"

#include "longwave/train/data_variant.h"
#include "longwave/train/search.h"

namespace longwave {
namespace {

Json entry(const Json& json, const std::string& key) {
  return json.is_object() && json.contains(key) ? json.at(key) : Json();
}

Json score(const CellResult& result, const std::string& name) {
  const auto found = result.scores.find(name);
  return found == result.scores.end() ? Json() : Json(found->second);
}

Json names_of(const ComparisonCell& cell) {
  const auto& id = cell.id;
  return {{"task", id.task},
          {"data", id.data},
          {"variant", cell.recipe.is_sequence() ? Json(data_variant(cell.recipe)) : Json()},
          {"horizon", id.horizon > 0 ? Json(id.horizon) : Json()},
          {"training", cell.recipe.train.protocol},
          {"model", id.model},
          {"cell", cell.key},
          {"seed", id.seed},
          {"point", cell.point.empty() ? Json() : Json(cell.point)}};
}

Json data_hash(const ComparisonCell& cell, const CellResult& result) {
  const auto content = entry(result.about, "content");
  return content.is_null() ? entry(entry(cell.id.recipe, "task"), "content") : content;
}

void add_result(Json& line, const ComparisonCell& cell, const CellResult& result) {
  const auto parameters = entry(result.about, "parameters"), total = entry(result.about, "total");
  line["parameters"] = result.parameters;
  for (const auto* part : {"body", "embedding", "head"}) line[part] = entry(parameters, part);
  for (const auto* sum : {"tokens", "flops"}) line[sum] = entry(total, sum);
  line["wall_seconds"] = result.total_seconds;
  line["peak_bytes"] = result.peak_memory;
  const auto cost = entry(result.about, "cost");
  for (const auto* fact : {"state_bytes", "step_seconds", "tokens_per_second", "batch_tokens_per_second"})
    line[fact] = entry(cost, fact);
  for (const auto* fact : {"device", "precision", "cpu", "libtorch", "blas"})
    line[fact] = entry(result.environment, fact);
  line["threads"] = entry(result.environment, "aten_threads");
  line["best_step"] = result.best_step > 0 ? Json(result.best_step) : Json();
  line["metric"] = result.metric;
  line["val"] = score(result, "val_" + result.metric);
  // Where there is no test split, the scores are those of the validation split.
  line["test"] = result.test_touches == 0 ? Json() : score(result, result.metric);
  line["test_touches"] = result.test_touches ? Json(*result.test_touches) : Json();
  line["protocol"] = entry(result.about, "protocol");
  line["help"] = entry(result.about, "help");
  line["data_hash"] = data_hash(cell, result);
  line["revision"] = entry(result.environment, "revision");
}

/// How many points were tried for a cell's model; null if it was not searched.
Json trials_of(const Comparison& comparison, const ComparisonCell& cell) {
  for (const auto& search : comparison.searches)
    if (search.contender.model == cell.id.model && is_tuned(search)) return search.trials.size();
  return Json();
}

/// "" while it runs or where it was interrupted. `ranked`: its score is one of the tables, not that of a trial which
/// was not chosen.
std::string line_of(const Comparison& comparison, const ComparisonCell& cell, const CellRecord& record, bool ranked) {
  if (!is_over(record.state)) return {};
  auto line = names_of(cell);
  line["trials"] = trials_of(comparison, cell);
  line["ranked"] = ranked;
  if (record.state == CellState::failed)
    line["error"] = record.error;
  else
    add_result(line, cell, record.result);
  return line.dump() + "\n";
}

}  // namespace

std::string results_lines(const Comparison& comparison, const CellRecords& records) {
  std::string lines;
  for (const auto& cell : comparison.cells)
    if (const auto found = records.find(cell.key); found != records.end())
      lines += line_of(comparison, cell, found->second, true);
  for (const auto& search : comparison.searches)
    for (const auto& trial : search.trials)
      if (const auto& cell = trial.cells.front(); trial.record && !records.contains(cell.key))  // not the chosen one
        lines += line_of(comparison, cell, *trial.record, false);
  return lines;
}

}  // namespace longwave
