#include "longwave/train/sequence_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "longwave/report/chart.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/group_scores.h"
#include "longwave/train/search_report.h"
#include "longwave/train/sequence_overview.h"
#include "longwave/train/sequence_table.h"

namespace longwave {
namespace {

double scaled(const Metric& metric, double value) { return metric.percent ? 100 * value : value; }

Axis score_axis(const Metric& metric, const std::string& before = "") {
  return {.label = before + metric.title + (metric.percent ? ", %" : "")};
}

void add_reference_lines(Chart& chart, const CellResult& result, const Metric& metric) {
  if (!result.about.contains("baselines")) return;
  for (const auto& line : result.about["baselines"])
    chart.references.push_back({line.at("name").get<std::string>(), scaled(metric, line.at("score").get<double>())});
}

std::string cost_chart(const std::vector<Group>& groups, const RowSetting& setting, const std::string& label,
                       NumberStyle style, const std::function<double(const CellResult&)>& cost) {
  const auto* result = first_result(groups);
  if (!result) return {};
  const auto metric = find_metric(result->metric);
  Chart chart{
      .title = setting.name(), .x = {.label = label, .logarithmic = true, .style = style}, .y = score_axis(metric)};
  for (const auto& group : groups) {
    const double x = group.mean(cost), y = scaled(metric, group.score(result->metric));
    if (!(x > 0) || !std::isfinite(y)) continue;
    chart.dots.push_back({group.title + share_of_runs(group), x, y, group.color});
    chart.description += fmt::format("{}: {:.4g} at {}. ", group.title, y, format_number(x, style));
  }
  if (chart.dots.empty()) return {};
  add_reference_lines(chart, *result, metric);
  return draw(chart, SvgUse::page);
}

/// What tells the samples of a set apart: "length", or what the set counts ("look-ahead").
std::string group_word(const CellResult& result) { return result.about.value("group", std::string("length")); }

/// The places of the scores, if there are few; else round numbers.
std::vector<std::pair<double, std::string>> ticks_at(const std::set<double>& places) {
  constexpr std::size_t kMost = 8;
  std::vector<std::pair<double, std::string>> ticks;
  if (places.size() <= kMost)
    for (const double x : places) ticks.emplace_back(x, fmt::format("{:g}", x));
  return ticks;
}

/// Scores by length or by the groups of the set, where the scored split has several.
std::string group_chart(const std::vector<Group>& groups, const RowSetting& setting) {
  const auto* result = first_result(groups);
  if (!result) return {};
  const auto metric = find_metric(result->metric);
  const auto prefix = result->metric + "@";
  const auto what = group_word(*result);
  std::set<double> places;
  Chart chart{.title = setting.name() + " by " + what,
              .description = "The score of each " + what + " of the scored split.",
              .x = {.label = what, .logarithmic = what == "length", .whole = true},
              .y = score_axis(metric)};
  for (const auto& group : groups) {
    if (group.done.empty()) continue;
    std::map<double, double> points;
    for (const auto& [name, value] : group.done.front()->result.scores)
      if (name.starts_with(prefix) && !name.ends_with(kResampled))
        points[std::stod(name.substr(prefix.size()))] = scaled(metric, group.score(name));
    if (points.size() < 2) continue;
    Line line{.name = group.title + share_of_runs(group), .color = group.color, .dashed = group.color >= kColors};
    for (const auto& [x, y] : points) line.x.push_back(x), line.y.push_back(y), places.insert(x);
    chart.lines.push_back(std::move(line));
  }
  chart.x.ticks = ticks_at(places);
  return chart.lines.empty() ? std::string() : draw(chart, SvgUse::page);
}

std::string curve_chart(const std::vector<Group>& groups, const RowSetting& setting) {
  const auto* result = first_result(groups);
  if (!result) return {};
  const auto metric = find_metric(result->metric);
  Chart chart{.title = setting.name(),
              .description = "Validation score after each epoch, first seed of each model.",
              .x = {.label = "epoch", .whole = true},
              .y = score_axis(metric, "validation ")};
  double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  for (const auto& group : groups) {
    if (group.done.empty() || group.done.front()->result.curve.empty()) continue;
    Line line{.name = group.title, .color = group.color, .dashed = group.color >= kColors};
    for (const auto& point : group.done.front()->result.curve) {
      line.x.push_back(static_cast<double>(point.epoch));
      line.y.push_back(scaled(metric, point.val));
      lowest = std::min(lowest, line.y.back());
      highest = std::max(highest, line.y.back());
    }
    chart.lines.push_back(std::move(line));
  }
  if (chart.lines.empty()) return {};
  if (metric.percent && lowest == highest) chart.y.low = 0, chart.y.high = 100;
  chart.y.logarithmic = !metric.percent && lowest > 0;
  return draw(chart, SvgUse::page);
}

}  // namespace

std::vector<std::pair<std::string, Table>> sequence_tables(const Comparison& comparison, const CellRecords& records) {
  auto tables = overview_tables(comparison, records);
  for (const auto& setting : settings_of(comparison)) {
    auto groups = groups_of(comparison, records, setting);
    // Not listed for this set, nor still searched for it.
    std::erase_if(groups, [](const Group& group) { return !group.is_asked(); });
    tables.emplace_back(setting.data, score_table_of(comparison, groups, setting.data));
    if (first_result(groups)) tables.emplace_back(setting.data + ": costs", cost_table_of(groups));
  }
  // What explains several tables stands under the first of them.
  std::set<std::string> said;
  for (auto& [heading, table] : tables)
    std::erase_if(table.notes, [&](const std::string& note) { return !said.insert(note).second; });
  return tables;
}

std::string sequence_page(const Comparison& comparison, const CellRecords& records, const std::string& command) {
  const auto& config = comparison.config;
  Page page(config.title);
  for (const auto& text : config.about) page.paragraph(text);
  const auto done =
      std::count_if(records.begin(), records.end(), [](const auto& r) { return r.second.state == CellState::done; });
  page.note(
      fmt::format("{} of {} runs finished. {}. Scores of the models were measured by this program; lines in "
                  "brackets are references, published ones name their source. Made by: {}",
                  done, comparison.cells.size(), seeds_text(config), command));
  std::vector<std::string> costs, groups_apart, curves;
  std::set<std::string> kinds;
  for (const auto& [heading, table] : sequence_tables(comparison, records)) {
    page.heading(heading);
    add_table(page, table);
  }
  for (const auto& setting : settings_of(comparison)) {
    const auto groups = groups_of(comparison, records, setting);
    costs.push_back(cost_chart(groups, setting, "FLOPs of training", NumberStyle::si,
                               [](const CellResult& r) { return about_number(r, "total", "flops"); }));
    costs.push_back(cost_chart(groups, setting, "training time", NumberStyle::seconds,
                               [](const CellResult& r) { return r.total_seconds; }));
    costs.push_back(cost_chart(groups, setting, "state of a sequence, bytes", NumberStyle::bytes,
                               [](const CellResult& r) { return about_number(r, "cost", "state_bytes"); }));
    groups_apart.push_back(group_chart(groups, setting));
    if (!groups_apart.back().empty()) kinds.insert(group_word(*first_result(groups)));
    curves.push_back(curve_chart(groups, setting));
  }
  add_figures(page, "Score against cost", "Lines across need no training.", costs);
  add_figures(page, "Score by " + join({kinds.begin(), kinds.end()}), "Of the scored split, means over seeds.",
              groups_apart);
  add_figures(page, "Learning curves", "Validation score after each epoch, first seed.", curves);
  add_searches(page, comparison);
  add_environment(page, records);
  return page.str();
}

}  // namespace longwave
