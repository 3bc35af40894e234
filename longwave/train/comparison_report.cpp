#include "longwave/train/comparison_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "longwave/report/chart.h"
#include "longwave/train/comparison_groups.h"
#include "longwave/train/search_report.h"

namespace longwave {
namespace {

// --- charts ---------------------------------------------------------------------------------------------------------

using Cost = std::function<double(const CellResult&)>;

/// One point a model. What costs nothing has no place on a logarithmic axis and becomes a line across.
std::string cost_chart(const Comparison& comparison, const std::vector<Group>& groups, const RowSetting& setting,
                       const std::string& label, NumberStyle style, const Cost& cost) {
  Chart chart{
      .title = setting.name(), .x = {.label = label, .logarithmic = true, .style = style}, .y = {.label = "MSE"}};
  double highest = 0, lowest = std::numeric_limits<double>::infinity();
  for (const auto& group : groups) {
    const double x = group.mean(cost), y = group.score("mse");
    if (!(x > 0) || !std::isfinite(y)) continue;
    chart.dots.push_back({group.title, x, y, group.color});
    chart.description +=
        fmt::format("{}: {} at {}. ", group.title, format_number(y, NumberStyle::plain), format_number(x, style));
    highest = std::max(highest, y);
    lowest = std::min(lowest, y);
  }
  std::string beyond;
  for (const auto& group : groups) {
    const double x = group.mean(cost), y = group.score("mse");
    if (x > 0 || !std::isfinite(y)) continue;
    if (chart.dots.empty() || y - lowest < 4 * std::max(highest - lowest, 0.05 * highest))
      chart.references.push_back({group.title, y});
    else
      beyond += fmt::format("{}{} scores {} and lies outside.", beyond.empty() ? "" : " ", group.title,
                            format_number(y, NumberStyle::plain));
  }
  if (comparison.config.noise_floor > 0) chart.references.push_back({"noise floor", comparison.config.noise_floor});
  if (highest > 5 * lowest) chart.y.logarithmic = true;
  if (chart.dots.empty()) return {};
  auto svg = draw(chart, SvgUse::page);
  return beyond.empty() ? svg : svg + "<figcaption>" + escape_xml(beyond) + "</figcaption>\n";
}

std::string curve_chart(const Comparison& comparison, const std::vector<Group>& groups, const RowSetting& setting) {
  Chart chart{.title = setting.name(),
              .description = "Validation MSE after each epoch, first seed of each model.",
              .x = {.label = "epoch"},
              .y = {.label = "validation MSE"}};
  double highest = 0, lowest = std::numeric_limits<double>::infinity();
  for (const auto& group : groups) {
    if (group.done.empty() || group.done.front()->result.curve.empty()) continue;
    Line line{.name = group.title, .color = group.color, .dashed = group.color >= kColors};
    for (const auto& point : group.done.front()->result.curve) {
      line.x.push_back(static_cast<double>(point.epoch));
      line.y.push_back(point.val);
      highest = std::max(highest, point.val);
      lowest = std::min(lowest, point.val);
    }
    chart.lines.push_back(std::move(line));
  }
  if (chart.lines.empty()) return {};
  if (comparison.config.noise_floor > 0) {
    chart.references.push_back({"noise floor", comparison.config.noise_floor});
    lowest = std::min(lowest, comparison.config.noise_floor);
  }
  chart.y.logarithmic = highest > 5 * lowest;
  return draw(chart, SvgUse::page);
}

std::vector<double> steps_from(std::size_t first, std::size_t count) {
  std::vector<double> steps;
  for (std::size_t i = 0; i < count; ++i) steps.push_back(static_cast<double>(first + i));
  return steps;
}

/// Window `index` of the stored ones. Forecasts start at the last observation, so that they hang together with it.
std::string forecast_chart(const std::vector<Group>& groups, const RowSetting& setting, std::size_t index) {
  Chart chart{.description = "Observed values, what came, and what each model forecast.", .x = {.label = "step"}};
  constexpr std::size_t kObserved = kColors - 1;  // the grey
  for (const auto& group : groups) {
    if (group.done.empty() || group.done.front()->result.forecasts.size() <= index) continue;
    const auto& sample = group.done.front()->result.forecasts[index];
    if (sample.history.empty()) continue;
    const double n = static_cast<double>(sample.history.size());
    if (chart.lines.empty()) {
      chart.title = fmt::format("{}: {}, window {}", setting.name(), sample.channel, index + 1);
      chart.y.label = "scaled value";
      auto y = sample.history;
      y.insert(y.end(), sample.truth.begin(), sample.truth.end());
      auto x = steps_from(0, y.size());
      for (auto& step : x) step -= n - 1;
      chart.lines.push_back({"truth", x, y, kObserved});
      chart.references.push_back({"", 0, true});
    }
    auto y = std::vector<double>{sample.history.back()};
    y.insert(y.end(), sample.forecast.begin(), sample.forecast.end());
    chart.lines.push_back({group.title, steps_from(0, y.size()), y, group.color, group.color >= kColors - 1});
  }
  return chart.lines.empty() ? std::string() : draw(chart, SvgUse::page);
}

}  // namespace

ScoreTable score_table(const Comparison& comparison, const CellRecords& records) {
  ScoreTable table;
  table.label_names = {"data", "horizon"};
  table.metrics = {{"mse", "MSE"}, {"mae", "MAE"}};
  for (const auto& contender : comparison.contenders) table.models.emplace_back(contender.model, contender.title);
  for (const auto& setting : settings_of(comparison)) {
    ScoreRow row{{setting.data, std::to_string(setting.horizon)}, {}};
    for (const auto& group : groups_of(comparison, records, setting)) {
      ScoreEntry entry;
      for (const auto* record : group.done)
        for (const auto& [name, value] : record->result.scores) entry.values[name].push_back(value);
      entry.remarks = remarks_of(group);
      row.entries[group.model] = std::move(entry);
    }
    table.rows.push_back(std::move(row));
  }
  if (comparison.config.noise_floor > 0)
    table.rows.push_back({{"noise floor, MSE", fmt::format("{:g}", comparison.config.noise_floor)}, {}});
  if (auto note = tuning_note(comparison); !note.empty()) table.notes.push_back(std::move(note));
  return table;
}

Table cost_table(const Comparison& comparison, const CellRecords& records) {
  Table table;
  table.columns = {{"data", "", true},  {"horizon", "", true}, {"model", "", true}, {"lookback", ""},
                   {"parameters", ""},  {"FLOPs", ""},         {"batch", ""},       {"time/step", ""},
                   {"peak memory", ""}, {"epochs", ""},        {"best", ""},        {"total time", ""}};
  table.labels = 3;
  for (const auto& setting : settings_of(comparison))
    for (const auto& group : groups_of(comparison, records, setting)) {
      if (group.done.empty()) continue;
      const auto& first = group.done.front()->result;
      const auto text = [&](NumberStyle style, auto&& of) { return TableCell{format_number(group.mean(of), style)}; };
      const auto whole = [&](auto&& of) { return TableCell{fmt::format("{:.4g}", group.mean(of))}; };
      const TableCell none{"-"};
      const bool trained = first.parameters > 0;
      table.rows.push_back(
          {{setting.data},
           {std::to_string(setting.horizon)},
           {group.title},
           {std::to_string(group.cells.front()->id.lookback)},
           {format_number(static_cast<double>(first.parameters), NumberStyle::si)},
           {format_number(first.flops, NumberStyle::si)},
           trained ? TableCell{std::to_string(first.batch_size)} : none,
           trained ? text(NumberStyle::seconds, [](const CellResult& r) { return r.seconds_per_step; }) : none,
           text(NumberStyle::bytes, [](const CellResult& r) { return r.peak_memory; }),
           trained ? whole([](const CellResult& r) { return static_cast<double>(r.epochs); }) : none,
           trained ? whole([](const CellResult& r) { return static_cast<double>(r.best_epoch); }) : none,
           text(NumberStyle::seconds, [](const CellResult& r) { return r.total_seconds; })});
    }
  table.notes = {
      "FLOPs: forward pass of one window, a multiply-add counts 2, element-wise work 0. Time per optimiser step: "
      "median. "
      "Peak memory: whole process with its libraries. Means over seeds."};
  return table;
}

std::string comparison_page(const Comparison& comparison, const CellRecords& records, const std::string& command) {
  const auto& config = comparison.config;
  Page page(config.title);
  for (const auto& text : config.about) page.paragraph(text);
  const auto done =
      std::count_if(records.begin(), records.end(), [](const auto& r) { return r.second.state == CellState::done; });
  page.note(
      fmt::format("{} of {} runs finished. {}. Every number was measured by this program; none is taken from a paper. "
                  "Made by: {}",
                  done, comparison.cells.size(), seeds_text(config), command));
  page.heading("Scores");
  page.paragraph(
      fmt::format("Lower is better. The best of a row is bold, the runner-up underlined{}.",
                  config.seeds.size() > 1 ? "; ± is half the 95 % confidence interval over seeds (Student's t)" : ""));
  add_table(page, layout(score_table(comparison, records)));
  if (const auto table = cost_table(comparison, records); !table.rows.empty()) {
    page.heading("Costs");
    add_table(page, table);
  }

  std::vector<std::string> costs, forecasts, curves;
  for (const auto& setting : settings_of(comparison)) {
    const auto groups = groups_of(comparison, records, setting);
    costs.push_back(cost_chart(comparison, groups, setting, "FLOPs of one window, forward", NumberStyle::si,
                               [](const CellResult& r) { return r.flops; }));
    costs.push_back(cost_chart(comparison, groups, setting, "training time", NumberStyle::seconds,
                               [](const CellResult& r) { return r.parameters > 0 ? r.total_seconds : 0; }));
    for (std::size_t i = 0; i < 3; ++i) forecasts.push_back(forecast_chart(groups, setting, i));
    curves.push_back(curve_chart(comparison, groups, setting));
  }
  add_figures(page, "Accuracy against cost",
              "Towards the lower left is better. Models that cost nothing are lines across.", costs);
  add_figures(page, "Forecasts against truth", "Windows from the start, the middle and the end of the scored split.",
              forecasts);
  add_figures(page, "Learning curves", "Error on the validation split after each epoch, first seed.", curves);
  add_searches(page, comparison);
  add_environment(page, records);
  return page.str();
}

}  // namespace longwave
