#include "longwave/train/sequence_overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "longwave/train/group_scores.h"
#include "longwave/train/sequence_table.h"

namespace longwave {
namespace {

/// One column: a data set with at least one result.
struct TaskScores {
  std::string data, metric;
  std::vector<Group> groups;  // one for each contender
  std::string floor_name;     // the first score without learning
  double floor = 0;           // NaN if there is none
};

TaskScores task_scores(std::string data, std::vector<Group> groups) {
  const auto& result = *first_result(groups);
  TaskScores task{std::move(data), result.metric, std::move(groups), "", std::nan("")};
  const auto lines = result.about.value("baselines", Json::array());
  if (lines.empty()) return task;
  task.floor_name = lines[0].at("name").get<std::string>();
  task.floor = lines[0].at("score").get<double>();
  return task;
}

bool finished(const Group& group) { return !group.done.empty() && group.done.size() == group.cells.size(); }

/// Of the runs of one contender on all tasks.
struct Averages {
  double all = 0, finished = 0;      // NaN: not known
  std::size_t replaced = 0;          // runs without a score
  std::size_t asked = 0, tasks = 0;  // tasks that it is listed for; those that finished
};

Averages averages(const std::vector<TaskScores>& tasks, std::size_t contender) {
  Averages a;
  bool any = false;
  for (const auto& task : tasks) {
    const auto& group = task.groups[contender];
    if (!group.is_asked()) continue;
    ++a.asked;
    // One that has no cells yet, because its search has not ended, has one run too few.
    const auto runs = std::max<std::size_t>(group.cells.size(), 1), missing = runs - group.done.size();
    const double sum = group.done.empty() ? 0 : group.score(task.metric) * static_cast<double>(group.done.size());
    const double floors = missing > 0 ? task.floor * static_cast<double>(missing) : 0;
    a.all += (sum + floors) / static_cast<double>(runs);
    a.replaced += missing;
    any = any || !group.done.empty();
    if (!finished(group)) continue;
    a.finished += group.score(task.metric);
    ++a.tasks;
  }
  a.all = any ? a.all / static_cast<double>(a.asked) : std::nan("");
  a.finished = a.tasks > 0 ? a.finished / static_cast<double>(a.tasks) : std::nan("");
  return a;
}

void add_averages(Table& table, const std::vector<TaskScores>& tasks, const Metric& metric, bool ranked) {
  table.columns.push_back({"all tasks", "average"});
  table.columns.push_back({"finished tasks", "average"});
  std::vector<std::string> ranked_scores;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto a = averages(tasks, i);
    const auto text = score_number(metric, a.all);
    std::string marks;
    if (std::isfinite(a.all) && a.asked < tasks.size()) marks += fmt::format(" (over {} of {})", a.asked, tasks.size());
    if (std::isfinite(a.all) && a.replaced > 0) marks += fmt::format(" ({} without learning)", a.replaced);
    ranked_scores.push_back(marks.empty() ? text : "-");
    table.rows[i].push_back({text, Mark::none, marks});
    table.rows[i].push_back({score_number(metric, a.finished), Mark::none,
                             a.tasks > 0 ? fmt::format(" ({} of {})", a.tasks, a.asked) : ""});
  }
  if (ranked) {
    const auto marks = rank_marks(ranked_scores, metric.higher);
    for (std::size_t i = 0; i < marks.size(); ++i) table.rows[i][table.rows[i].size() - 2].mark = marks[i];
  }
  std::vector<std::string> floors;
  for (const auto& task : tasks)
    if (std::isfinite(task.floor))
      floors.push_back(fmt::format("{} {} ({})", task.data, score_number(metric, task.floor), task.floor_name));
  table.notes.push_back(
      "Average over all tasks: a run that diverged, failed or is missing counts as the first score without learning" +
      (floors.empty() ? "" : ", " + join(floors)) +
      "; its mark says how many runs do, and it is not ranked. Over finished tasks: those whose runs all finished, and "
      "how many they are; these averages are over different tasks and not ranked. A task that the "
      "recipe does not ask a model for is in neither of its averages, which then are not ranked.");
}

Table overview(const Comparison& comparison, const std::vector<TaskScores>& tasks,
               const std::vector<std::string>& without_results) {
  const auto name = tasks.front().metric;
  const auto metric = find_metric(name);
  Table table;
  table.columns = {{"model", "", true}};
  for (const auto& contender : comparison.contenders) table.rows.push_back({{contender.title}});
  bool several = false, alike = true, all_asked = true;
  std::set<std::string> protocols;
  for (const auto& task : tasks) {
    table.columns.push_back({task.data, ""});
    const auto marks = score_marks(task.groups, name);
    for (std::size_t i = 0; i < task.groups.size(); ++i) {
      const bool asked = task.groups[i].is_asked();
      auto cell = asked ? score_cell(task.groups[i], name) : TableCell();
      all_asked = all_asked && asked;
      cell.mark = marks[i];
      several = several || task.groups[i].done.size() > 1;
      table.rows[i].push_back(std::move(cell));
    }
    alike = alike && measured_alike(task.groups);
    const auto protocol = first_result(task.groups)->about.value("protocol", "");
    if (protocol.starts_with("lra")) protocols.insert(protocol);
  }
  // Errors and perplexities of different sets have no common scale: their average would be the largest of them.
  if (metric.percent) add_averages(table, tasks, metric, alike && protocols.size() <= 1);
  if (protocols.size() > 1)
    table.notes.push_back("Averages over several protocols (" + join({protocols.begin(), protocols.end()}, "; ") +
                          ") are not ranked.");
  if (!all_asked) table.notes.emplace_back("Empty: the recipe does not ask for that model there.");
  if (auto note = tuning_note(comparison); !note.empty()) table.notes.push_back(std::move(note));
  if (several) table.notes.emplace_back("±: half the 95 % interval of the mean over seeds (Student's t).");
  if (!alike)
    table.notes.emplace_back(
        "A column without marks was measured in different ways; it is not ranked, nor are averages over it.");
  if (!without_results.empty()) table.notes.push_back("Without results yet: " + join(without_results) + ".");
  return table;
}

}  // namespace

std::vector<std::pair<std::string, Table>> overview_tables(const Comparison& comparison, const CellRecords& records) {
  std::vector<std::vector<TaskScores>> by_metric;
  std::vector<std::string> without_results;
  for (const auto& setting : settings_of(comparison)) {
    auto groups = groups_of(comparison, records, setting);
    if (!first_result(groups)) {
      without_results.push_back(setting.data);
      continue;
    }
    auto task = task_scores(setting.data, std::move(groups));
    auto same = std::find_if(by_metric.begin(), by_metric.end(),
                             [&](const auto& tasks) { return tasks.front().metric == task.metric; });
    if (same == by_metric.end()) same = by_metric.insert(same, std::vector<TaskScores>());
    same->push_back(std::move(task));
  }
  std::vector<std::pair<std::string, Table>> tables;
  for (const auto& tasks : by_metric) {
    const auto metric = find_metric(tasks.front().metric);
    if (tasks.size() > 1)
      tables.emplace_back("Overview: " + metric.title + (metric.percent ? ", %" : ""),
                          overview(comparison, tasks, without_results));
  }
  return tables;
}

}  // namespace longwave
