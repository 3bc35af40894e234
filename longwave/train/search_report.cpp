#include "longwave/train/search_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "longwave/report/chart.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/comparison_groups.h"
#include "longwave/train/search.h"

namespace longwave {
namespace {

constexpr const char* kTrialsNote =
    "Each model has the same number of trials, all at the first seed. The point with the best validation score (bold) "
    "is run at every seed; only those runs are in the tables of scores. The test split has no say. A model without "
    "parameters has no trials.";
constexpr const char* kBestNote =
    "Mean of the best validation score of k of the trials, drawn without replacement. A failed trial counts as the "
    "worst "
    "finished one.";

std::vector<RowSetting> searched_settings(const Comparison& comparison) {
  std::vector<RowSetting> list;
  for (const auto& search : comparison.searches) {
    const auto& id = search.trials.front().cells.front().id;
    if (is_tuned(search) && (list.empty() || list.back().data != id.data || list.back().horizon != id.horizon))
      list.push_back({id.data, id.horizon});
  }
  return list;
}

/// Of one data set and horizon, in the order and colours of the other parts of the report.
std::vector<Group> searched_groups(const Comparison& comparison, const RowSetting& setting) {
  auto groups = groups_of(comparison, {}, setting);
  std::erase_if(groups, [](const Group& group) { return !group.search || !is_tuned(*group.search); });
  return groups;
}

/// The score that the trials are chosen by; the first that finished knows it.
Metric metric_of(const std::vector<Group>& groups) {
  for (const auto& group : groups)
    for (const auto& trial : group.search->trials)
      if (std::isfinite(validation_score(trial))) return find_metric(trial.record->result.metric);
  return {"score"};
}

std::string column_name(const Metric& metric) { return "validation " + metric.title + (metric.percent ? ", %" : ""); }

std::string number(const Metric& metric, double score) {
  if (!std::isfinite(score)) return "-";
  return metric.percent ? fmt::format("{:.2f}", 100 * score) : fmt::format("{:.4g}", score);
}

std::string remark_of(const Trial& trial) {
  if (!trial.record) return "not run yet";
  if (trial.record->state == CellState::running) return "running";
  if (trial.record->state == CellState::interrupted) return "interrupted";
  if (trial.record->state == CellState::failed)
    return (has_diverged(*trial.record) ? "" : "failed: ") + trial.record->error;
  return trial.record->result.capped ? "stopped by the time limit" : "";
}

Table trials_table(const std::vector<Group>& groups) {
  const auto metric = metric_of(groups);
  Table table;
  table.columns = {
      {"model", "", true}, {"settings", "", true, true}, {column_name(metric), ""}, {"remarks", "", true, true}};
  for (const auto& group : groups)
    for (const auto& trial : group.search->trials) {
      const bool chosen = group.search->chosen && &trial == &group.search->trials[*group.search->chosen];
      table.rows.push_back({{group.title},
                            {trial.cells.front().point},
                            {number(metric, validation_score(trial)), chosen ? Mark::best : Mark::none},
                            {remark_of(trial)}});
    }
  table.notes = {kTrialsNote};
  return table;
}

/// Expected best validation score of 1, 2, ... trials; empty while some are not settled.
std::vector<double> best_scores(const Search& search, const Metric& metric) {
  if (!std::all_of(search.trials.begin(), search.trials.end(), is_settled)) return {};
  std::vector<double> costs;
  for (const auto& trial : search.trials) costs.push_back(validation_cost(trial));
  auto scores = expected_best(costs);
  for (auto& score : scores) score = metric.higher ? 0 - score : score;
  return scores;
}

Table best_table(const std::vector<Group>& groups) {
  const auto metric = metric_of(groups);
  Table table;
  table.columns = {{"model", "", true}};
  for (std::size_t k = 1; k <= groups.front().search->trials.size(); ++k)
    table.columns.push_back({"k = " + std::to_string(k), ""});
  for (const auto& group : groups) {
    std::vector<TableCell> row{{group.title}};
    for (const double score : best_scores(*group.search, metric)) row.push_back({number(metric, score)});
    row.resize(table.columns.size(), {"-"});
    table.rows.push_back(std::move(row));
  }
  table.notes = {kBestNote};
  return table;
}

std::string best_chart(const std::vector<Group>& groups, const RowSetting& setting) {
  const auto metric = metric_of(groups);
  Chart chart{.title = setting.name(),
              .description = "Expected best validation score of so many trials, for each model.",
              .x = {.label = "trials", .whole = true},
              .y = {.label = column_name(metric)}};
  for (const auto& group : groups) {
    Line line{.name = group.title, .color = group.color, .dashed = group.color >= kColors};
    for (const double score : best_scores(*group.search, metric)) {
      line.x.push_back(static_cast<double>(line.x.size() + 1));
      line.y.push_back(metric.percent ? 100 * score : score);
    }
    if (line.x.size() > 1) chart.lines.push_back(std::move(line));
  }
  return chart.lines.empty() ? std::string() : draw(chart, SvgUse::page);
}

}  // namespace

std::vector<std::pair<std::string, Table>> search_tables(const Comparison& comparison) {
  std::vector<std::pair<std::string, Table>> tables;
  for (const auto& setting : searched_settings(comparison)) {
    const auto groups = searched_groups(comparison, setting);
    tables.emplace_back("Trials: " + setting.name(), trials_table(groups));
    tables.emplace_back("Expected best of k trials: " + setting.name(), best_table(groups));
  }
  return tables;
}

void add_searches(Page& page, const Comparison& comparison) {
  std::vector<std::string> curves;
  for (const auto& setting : searched_settings(comparison))
    curves.push_back(best_chart(searched_groups(comparison, setting), setting));
  add_figures(page, "Expected best of k trials", kBestNote, curves);
  for (const auto& [heading, table] : search_tables(comparison)) {
    page.heading(heading);
    add_table(page, table);
  }
}

}  // namespace longwave
