#include "longwave/train/sequence_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "longwave/report/ticks.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/data_variant.h"
#include "longwave/train/group_scores.h"
#include "longwave/train/task_state.h"

namespace longwave {
namespace {

std::string titled(const Metric& metric) { return metric.title + (metric.percent ? ", %" : ""); }

/// Other scores of any model worth a column beside the main one.
std::vector<std::string> further_scores(const std::vector<Group>& groups) {
  const auto has = [&](const std::string& name) {
    return std::any_of(groups.begin(), groups.end(), [&](const Group& group) {
      return !group.done.empty() && group.done.front()->result.scores.count(name) > 0 &&
             name != group.done.front()->result.metric;
    });
  };
  std::vector<std::string> names;
  for (const auto* name : {"accuracy@resampled", "accuracy_any", "exact_match", "exact_match_any", "legal_moves",
                           "error_last", "bits", "bits_per_byte", "word_perplexity"})
    if (has(name)) names.emplace_back(name);
  return names;
}

/// Of a single run: the interval over samples, where there is one.
std::string sample_interval(const Group& group, const std::string& name) {
  const double low = group.score(name + "_low");
  if (group.done.size() != 1 || !std::isfinite(low)) return "";
  const auto metric = find_metric(name);
  return fmt::format(" [{}, {}]", score_number(metric, low), score_number(metric, group.score(name + "_high")));
}

/// The difference to the best group; empty for itself and for fewer than two common seeds.
std::string difference_text(const Group& group, const Group* best, const std::string& name) {
  if (!best || &group == best) return "";
  const auto e = paired_difference(group, *best, name);
  if (e.count < 2) return "";
  const auto metric = find_metric(name);
  return (e.mean < 0 ? "−" : "+") + score_number(metric, std::abs(e.mean)) + spread_text(metric, e);
}

void add_reference(Table& table, const std::string& name, double score, const Metric& metric,
                   const std::string& comment) {
  std::vector<TableCell> row(table.columns.size());
  row[0].text = "(" + name + ")";
  row[1].text = score_number(metric, score);
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

/// The set and the settings that tell its variants apart, and what is asked of the resampled test split.
std::string data_note(const Comparison& comparison, const std::string& data) {
  const auto cell = std::find_if(comparison.cells.begin(), comparison.cells.end(),
                                 [&](const ComparisonCell& c) { return c.id.data == data; });
  auto text = "data: " + data_variant(cell->recipe);
  if (const auto& resampled = cell->recipe.resampled)
    text += fmt::format("; resampled: {}, time steps times {}; models without time steps are left out",
                        join(resampled->data, ", "), resampled->step_scale);
  return text;
}

/// How to read what the table has.
std::string reading_note(const Table& table, const Metric& metric, double solved) {
  const auto has_column = [&](const char* name) {
    return std::any_of(table.columns.begin(), table.columns.end(), [&](const auto& c) { return c.name == name; });
  };
  const auto has_text = [&](const char* part) {
    return std::any_of(table.rows.begin(), table.rows.end(),
                       [&](const auto& row) { return row[1].text.find(part) != std::string::npos; });
  };
  std::vector<std::string> parts;
  if (has_text("[")) parts.emplace_back("[low, high]: 95 % interval of one seed over samples (Wilson).");
  if (has_text("±")) parts.emplace_back("±: half the 95 % interval of the mean over seeds (Student's t).");
  if (has_column("sd")) parts.emplace_back("sd: standard deviation over seeds.");
  if (has_column("to the best"))
    parts.emplace_back(
        "To the best: mean difference over the seeds that both have, ± half its 95 % interval (Student's t).");
  if (solved != 0)
    parts.push_back(fmt::format(
        "Solved: {} of at {} {}{}; the steps are those until the first validation that reached it.", metric.title,
        metric.higher ? "least" : "most", score_number(metric, solved), metric.percent ? " %" : ""));
  return join(parts, " ");
}

TableCell or_dash(double value, NumberStyle style) { return {format_number(value, style)}; }

double body_parameters(const CellResult& result) { return about_number(result, "parameters", "body"); }

/// Where models are of different sizes, what their scores differ by may be just that; "" if they have one budget.
std::string budget_note(const std::vector<Group>& groups) {
  constexpr double kSame = 0.1;  // to either side: the rule of Long Range Arena
  const Group *least = nullptr, *most = nullptr;
  for (const auto& group : groups) {
    const double size = group.mean(body_parameters);
    if (!std::isfinite(size)) continue;
    if (!least || size < least->mean(body_parameters)) least = &group;
    if (!most || size > most->mean(body_parameters)) most = &group;
  }
  if (!least) return {};
  const double low = least->mean(body_parameters), high = most->mean(body_parameters);
  if (high - low <= kSame * (high + low)) return {};
  return fmt::format(
      "Not one budget: the layers have {} ({}) to {} ({}) parameters, more than {:.0f} % to either side of their "
      "middle.",
      format_number(low, NumberStyle::si), least->title, format_number(high, NumberStyle::si), most->title,
      100 * kSame);
}

}  // namespace

const CellResult* first_result(const std::vector<Group>& groups) {
  for (const auto& group : groups)
    if (!group.done.empty()) return &group.done.front()->result;
  return nullptr;
}

double about_number(const CellResult& result, const std::string& section, const std::string& key) {
  const auto& about = result.about;
  if (!about.contains(section) || !about[section].contains(key)) return std::nan("");
  return about[section][key].get<double>();
}

Table score_table_of(const Comparison& comparison, const std::vector<Group>& groups, const std::string& data) {
  const auto* result = first_result(groups);
  const auto name = result ? result->metric : std::string("accuracy");
  const auto metric = find_metric(name);
  const auto further = further_scores(groups);
  const auto found = comparison.solved.find(data);
  const double solved = found == comparison.solved.end() ? 0 : found->second;
  const auto* best = measured_alike(groups) ? best_group(groups, name) : nullptr;
  const bool several = std::any_of(groups.begin(), groups.end(), [](const Group& g) { return g.done.size() > 1; });
  const bool pairs = std::any_of(groups.begin(), groups.end(),
                                 [&](const Group& group) { return !difference_text(group, best, name).empty(); });
  Table table;
  table.columns = {{"model", "", true}, {titled(metric), ""}};
  if (several) table.columns.push_back({"sd", ""});
  if (pairs) table.columns.push_back({"to the best", ""});
  for (const auto& other : further) table.columns.push_back({titled(find_metric(other)), ""});
  table.columns.push_back({"remarks", "", true, true});
  const auto marks = score_marks(groups, name);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto& group = groups[i];
    std::vector<TableCell> row{{group.title}, score_cell(group, name)};
    row[1].text += sample_interval(group, name);
    row[1].mark = marks[i];
    if (several)
      row.push_back({group.done.size() > 1 ? score_number(metric, score_estimate(group, name).deviation) : ""});
    if (pairs) row.push_back({difference_text(group, best, name)});
    for (const auto& other : further)
      row.push_back({group.done.empty()                  ? ""
                     : std::isfinite(group.score(other)) ? score_number(find_metric(other), group.score(other))
                                                         : "n/a"});
    auto remarks = solved != 0 ? solved_remarks(group, solved) : std::vector<std::string>();
    for (auto& remark : remarks_of(group)) remarks.push_back(std::move(remark));
    row.push_back({join(remarks, "; ")});
    table.rows.push_back(std::move(row));
  }
  if (result) add_references(table, comparison, *result, data);
  table.notes.push_back(data_note(comparison, data) + (result ? "; " + evaluation_note(*result) : "") + ".");
  if (!measured_alike(groups))
    table.notes.emplace_back("Not ranked: these scores were measured in different ways, or on different samples.");
  for (auto note : {reading_note(table, metric, solved), tuning_note(comparison)})
    if (!note.empty()) table.notes.push_back(std::move(note));
  return table;
}

Table cost_table_of(const std::vector<Group>& groups) {
  Table table;
  std::set<std::string> devices;
  table.columns = {{"model", "", true}};
  for (const auto* column : {"body", "embedding", "head"}) table.columns.push_back({column, "parameters"});
  for (const auto* column : {"state", "tokens", "FLOPs", "time/step", "total time", "peak memory"})
    table.columns.push_back({column, ""});
  table.columns.push_back({"latency", ""});
  for (const auto* column : {"batch 1", "training batch"}) table.columns.push_back({column, "tokens/s"});
  for (const auto& group : groups) {
    if (group.done.empty()) continue;
    const auto of = [&](const char* section, const char* key, NumberStyle style) {
      return or_dash(group.mean([&](const CellResult& r) { return about_number(r, section, key); }), style);
    };
    const auto& first = group.done.front()->result;
    if (const auto& machine = first.environment; machine.contains("device"))
      devices.insert(machine["device"].get<std::string>() + ", " + machine.value("precision", "-"));
    auto flops = of("total", "flops", NumberStyle::si);
    if (first.about.contains("cost") && !first.about["cost"].at("not_counted").empty()) flops.text = "≥ " + flops.text;
    table.rows.push_back(
        {{group.title},
         of("parameters", "body", NumberStyle::si),
         of("parameters", "embedding", NumberStyle::si),
         of("parameters", "head", NumberStyle::si),
         of("cost", "state_bytes", NumberStyle::bytes),
         of("total", "tokens", NumberStyle::si),
         flops,
         or_dash(group.mean([](const CellResult& r) { return r.seconds_per_step; }), NumberStyle::seconds),
         or_dash(group.mean([](const CellResult& r) { return r.total_seconds; }), NumberStyle::seconds),
         or_dash(group.mean([](const CellResult& r) { return r.peak_memory; }), NumberStyle::bytes),
         of("cost", "step_seconds", NumberStyle::seconds),
         of("cost", "tokens_per_second", NumberStyle::si),
         of("cost", "batch_tokens_per_second", NumberStyle::si)});
  }
  table.notes = {
      "Means over the runs that finished. State: bytes per sequence after as many steps as the longest of the set has. "
      "Tokens and FLOPs: of the whole training, self-pretraining included, a token at the FLOPs of a training batch of "
      "samples of median length, forward and backward; element-wise work 0; ≥ where an operator has no formula. "
      "Latency: of the last step of the longest sequence, read step by step. Tokens/s: of the forward pass."};
  if (auto budget = budget_note(groups); !budget.empty()) table.notes.insert(table.notes.begin(), std::move(budget));
  if (!devices.empty()) table.notes.push_back("Device and precision: " + join({devices.begin(), devices.end()}) + ".");
  return table;
}

}  // namespace longwave
