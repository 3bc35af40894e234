#include "longwave/train/sequence_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "longwave/data/sequence_data.h"
#include "longwave/report/chart.h"
#include "longwave/report/statistics.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/comparison_groups.h"

namespace longwave {
namespace {

const CellResult* first_result(const std::vector<Group>& groups) {
  for (const auto& group : groups)
    if (!group.done.empty()) return &group.done.front()->result;
  return nullptr;
}

double scaled(const Metric& metric, double value) { return metric.percent ? 100 * value : value; }

std::string number(const Metric& metric, double value) {
  if (!std::isfinite(value)) return "-";
  return metric.percent ? fmt::format("{:.1f}", 100 * value) : fmt::format("{:.4g}", value);
}

/// mean ± half width over seeds; of one seed, the interval over samples if there is one.
std::string score_text(const Group& group, const std::string& name) {
  const auto metric = find_metric(name);
  const auto e = estimate(
      group.values([&](const CellResult& r) { return r.scores.count(name) ? r.scores.at(name) : std::nan(""); }));
  auto text = number(metric, e.mean);
  if (e.count > 1) return text + " ± " + number(metric, e.half_width);
  if (const double low = group.score(name + "_low"); std::isfinite(low))
    text += fmt::format(" [{}, {}]", number(metric, low), number(metric, group.score(name + "_high")));
  return text;
}

/// Marks best and runner-up by the means as printed.
void mark_best(std::vector<std::vector<TableCell>>& rows, const std::vector<Group>& groups, const std::string& name) {
  const auto metric = find_metric(name);
  std::vector<double> costs;
  std::set<double> ranks;
  for (const auto& group : groups) {
    const auto text = group.done.empty() ? "-" : number(metric, group.score(name));
    const double value = text == "-" ? std::nan("") : std::stod(text);
    costs.push_back(metric.higher ? -value : value);
    if (std::isfinite(costs.back())) ranks.insert(costs.back());
  }
  if (ranks.size() < 2) return;
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i][1].mark = costs[i] == *ranks.begin()              ? Mark::best
                      : costs[i] == *std::next(ranks.begin()) ? Mark::second
                                                              : Mark::none;
}

/// A number of CellResult::about by path, NaN if it is not there.
double about_number(const CellResult& r, const std::string& section, const std::string& key) {
  if (!r.about.contains(section) || !r.about[section].contains(key)) return std::nan("");
  return r.about[section][key].get<double>();
}

std::string or_dash(double value, NumberStyle style) {
  return std::isfinite(value) ? format_number(value, style) : "-";
}

std::vector<TableCell> cost_cells(const Group& group) {
  const auto of = [&](const char* section, const char* key, NumberStyle style) {
    return TableCell{or_dash(group.mean([&](const CellResult& r) { return about_number(r, section, key); }), style)};
  };
  const auto& first = group.done.front()->result;
  const bool partial = first.about.contains("cost") && !first.about["cost"].at("not_counted").empty();
  auto flops = of("total", "flops", NumberStyle::si);
  if (partial) flops.text = "≥ " + flops.text;
  return {of("parameters", "body", NumberStyle::si),
          of("parameters", "embedding", NumberStyle::si),
          of("parameters", "head", NumberStyle::si),
          of("cost", "state_bytes", NumberStyle::bytes),
          of("total", "tokens", NumberStyle::si),
          flops,
          {format_number(group.mean([](const CellResult& r) { return r.seconds_per_step; }), NumberStyle::seconds)},
          {format_number(group.mean([](const CellResult& r) { return r.total_seconds; }), NumberStyle::seconds)},
          {format_number(group.mean([](const CellResult& r) { return r.peak_memory; }), NumberStyle::bytes)}};
}

/// Other scores worth a column beside the main one.
std::vector<std::string> further_scores(const CellResult& result) {
  std::vector<std::string> names;
  for (const auto* name : {"exact_match", "legal_moves", "error_last", "bits"})
    if (result.scores.count(name)) names.emplace_back(name);
  return names;
}

void add_reference(Table& table, const std::string& name, double score, const Metric& metric,
                   const std::string& comment) {
  std::vector<TableCell> row(table.columns.size());
  row[0].text = "(" + name + ")";
  row[1].text = number(metric, score);
  row.back().text = comment;
  table.rows.push_back(row);
}

void add_references(Table& table, const Comparison& comparison, const CellResult& result, const std::string& data) {
  const auto metric = find_metric(result.metric);
  if (result.about.contains("baselines"))
    for (const auto& line : result.about["baselines"])
      add_reference(table, line.at("name").get<std::string>(), line.at("score").get<double>(), metric,
                    "without learning, " + line.at("comment").get<std::string>());
  for (const auto& line : comparison.published)
    if (line.data == data) add_reference(table, line.name, line.score, metric, "published: " + line.source);
}

std::string evaluation_note(const CellResult& result) {
  std::string text;
  for (const auto* key : {"protocol", "evaluation", "input", "caution"})
    if (result.about.contains(key))
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", key, result.about[key].get<std::string>());
  return text;
}

/// The set and its settings that are not the usual ones, which tell variants of one set apart.
std::string data_note(const Comparison& comparison, const std::string& data) {
  const auto cell = std::find_if(comparison.cells.begin(), comparison.cells.end(),
                                 [&](const ComparisonCell& c) { return c.id.data == data; });
  const auto& set = find_sequence_data(cell->recipe.task.data);
  const auto usual = set.resolve({}, "data");
  auto text = "data: " + set.name;
  for (const auto& [key, value] : cell->recipe.data.items())
    if (value != usual.value(key, Json())) text += fmt::format(", {} {}", key, value.dump());
  return text;
}

Table table_of(const Comparison& comparison, const std::vector<Group>& groups, const std::string& data) {
  const auto* result = first_result(groups);
  const auto name = result ? result->metric : std::string("accuracy");
  const auto metric = find_metric(name);
  const auto further = result ? further_scores(*result) : std::vector<std::string>();
  Table table;
  table.columns = {{"model", "", true}, {metric.title + (metric.percent ? ", %" : ""), ""}};
  for (const auto& other : further) table.columns.push_back({find_metric(other).title, ""});
  for (const auto* column : {"body", "embedding", "head"}) table.columns.push_back({column, "parameters"});
  for (const auto* column : {"state", "tokens", "FLOPs", "time/step", "total time", "peak memory"})
    table.columns.push_back({column, ""});
  table.columns.push_back({"remarks", "", true});
  for (const auto& group : groups) {
    std::vector<TableCell> row{{group.title}, {group.done.empty() ? "-" : score_text(group, name)}};
    for (const auto& other : further)
      row.push_back({group.done.empty() ? "-" : number(find_metric(other), group.score(other))});
    if (!group.done.empty())
      for (auto& cell : cost_cells(group)) row.push_back(std::move(cell));
    row.resize(table.columns.size());
    row.back().text = join(remarks_of(group), "; ");
    table.rows.push_back(std::move(row));
  }
  mark_best(table.rows, groups, name);
  if (result) add_references(table, comparison, *result, data);
  table.notes.push_back(data_note(comparison, data) + (result ? "; " + evaluation_note(*result) : "") + ".");
  table.notes.push_back(
      "Interval of one seed: Wilson, 95 %, over samples; of several: Student's t over seeds. State: bytes per sequence "
      "after as many steps as the longest of the set has. Tokens and FLOPs: of the whole training, self-pretraining "
      "included, a token at the FLOPs of a training sample of median length; backward counts twice the forward pass; "
      "element-wise work 0; ≥ where an operator has no formula.");
  return table;
}

// --- charts ---------------------------------------------------------------------------------------------------------

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
  Chart chart{.title = setting.name(),
              .x = {.label = label, .logarithmic = true, .style = style},
              .y = {.label = metric.title + (metric.percent ? ", %" : "")}};
  for (const auto& group : groups) {
    const double x = group.mean(cost), y = scaled(metric, group.score(result->metric));
    if (!(x > 0) || !std::isfinite(y)) continue;
    chart.dots.push_back({group.title, x, y, group.color});
    chart.description += fmt::format("{}: {:.4g} at {}. ", group.title, y, format_number(x, style));
  }
  if (chart.dots.empty()) return {};
  add_reference_lines(chart, *result, metric);
  return draw(chart, SvgUse::page);
}

/// Scores by length or by the groups of the set, where the scored split has several.
std::string group_chart(const std::vector<Group>& groups, const RowSetting& setting) {
  const auto* result = first_result(groups);
  if (!result) return {};
  const auto metric = find_metric(result->metric);
  const auto prefix = result->metric + "@";
  const auto what = result->about.value("group", std::string("length"));
  Chart chart{.title = setting.name(),
              .description = "The score of each " + what + " of the scored split.",
              .x = {.label = what, .logarithmic = what == "length"},
              .y = {.label = metric.title + (metric.percent ? ", %" : "")}};
  for (const auto& group : groups) {
    if (group.done.empty()) continue;
    std::map<double, double> points;
    for (const auto& [name, value] : group.done.front()->result.scores)
      if (name.starts_with(prefix)) points[std::stod(name.substr(prefix.size()))] = scaled(metric, group.score(name));
    if (points.size() < 2) continue;
    Line line{.name = group.title, .color = group.color, .dashed = group.color >= kColors};
    for (const auto& [x, y] : points) line.x.push_back(x), line.y.push_back(y);
    chart.lines.push_back(std::move(line));
  }
  return chart.lines.empty() ? std::string() : draw(chart, SvgUse::page);
}

std::string curve_chart(const std::vector<Group>& groups, const RowSetting& setting) {
  const auto* result = first_result(groups);
  if (!result) return {};
  const auto metric = find_metric(result->metric);
  Chart chart{.title = setting.name(),
              .description = "Validation score after each epoch, first seed of each model.",
              .x = {.label = "epoch"},
              .y = {.label = "validation " + metric.title + (metric.percent ? ", %" : "")}};
  for (const auto& group : groups) {
    if (group.done.empty() || group.done.front()->result.curve.empty()) continue;
    Line line{.name = group.title, .color = group.color, .dashed = group.color >= kColors};
    for (const auto& point : group.done.front()->result.curve)
      line.x.push_back(static_cast<double>(point.epoch)), line.y.push_back(scaled(metric, point.val));
    chart.lines.push_back(std::move(line));
  }
  if (chart.lines.empty()) return {};
  if (!metric.percent) chart.y.logarithmic = true;
  return draw(chart, SvgUse::page);
}

}  // namespace

std::vector<std::pair<std::string, Table>> sequence_tables(const Comparison& comparison, const CellRecords& records) {
  std::vector<std::pair<std::string, Table>> tables;
  for (const auto& setting : settings_of(comparison))
    tables.emplace_back(setting.data, table_of(comparison, groups_of(comparison, records, setting), setting.data));
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
  for (const auto& [data, table] : sequence_tables(comparison, records)) {
    page.heading(data);
    add_table(page, table);
  }
  for (const auto& setting : settings_of(comparison)) {
    const auto groups = groups_of(comparison, records, setting);
    costs.push_back(cost_chart(groups, setting, "FLOPs of training", NumberStyle::si,
                               [](const CellResult& r) { return about_number(r, "total", "flops"); }));
    costs.push_back(cost_chart(groups, setting, "training time", NumberStyle::seconds,
                               [](const CellResult& r) { return r.total_seconds; }));
    costs.push_back(cost_chart(groups, setting, "state of a sequence", NumberStyle::bytes,
                               [](const CellResult& r) { return about_number(r, "cost", "state_bytes"); }));
    groups_apart.push_back(group_chart(groups, setting));
    curves.push_back(curve_chart(groups, setting));
  }
  add_figures(page, "Score against cost", "Lines across need no training.", costs);
  add_figures(page, "Score by kind of sample", "Of the scored split, means over seeds.", groups_apart);
  add_figures(page, "Learning curves", "Validation score after each epoch, first seed.", curves);
  add_environment(page, records);
  return page.str();
}

}  // namespace longwave
