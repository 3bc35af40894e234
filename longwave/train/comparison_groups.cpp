#include "longwave/train/comparison_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "longwave/report/statistics.h"
#include "longwave/train/search.h"
#include "longwave/train/trainer.h"

namespace longwave {
namespace {

bool has_finite_score(const CellResult& result) {
  const auto score = result.scores.find(result.metric);
  return score == result.scores.end() || std::isfinite(score->second);
}

std::string reason(const CellRecord& failed) {
  if (failed.state == CellState::done) return "diverged: its score is not a finite number";
  return (has_diverged(failed) ? "" : "failed: ") + failed.error;
}

}  // namespace

std::string words_of_trials(const Search& search) {
  const auto settled = std::count_if(search.trials.begin(), search.trials.end(), is_settled);
  const auto all = search.trials.size();
  if (all == 1) return settled == 1 ? reason(*search.trials.front().record) : "not run yet";
  return settled == static_cast<std::ptrdiff_t>(all) ? fmt::format("none of {} trials has a validation score", all)
                                                     : fmt::format("{} of {} trials were run yet", settled, all);
}

std::string tuning_note(const Comparison& comparison) {
  std::set<std::string> searched, chosen;
  std::size_t trials = 0;  // of every model that is searched
  for (const auto& search : comparison.searches) {
    if (!is_tuned(search)) continue;
    searched.insert(search.contender.title);
    if (search.chosen) chosen.insert(search.contender.title), trials = search.trials.size();
  }
  std::vector<std::string> tuned, others;  // neither: searched without an outcome, of which its row tells
  for (const auto& contender : comparison.contenders) {
    if (chosen.contains(contender.title)) tuned.push_back(contender.title);
    if (!searched.contains(contender.title)) others.push_back(contender.title);
  }
  if (tuned.empty()) return {};
  return fmt::format("Tuned by the validation score, {} trial{} each: {}.", trials, trials == 1 ? "" : "s",
                     join(tuned)) +
         (others.empty() ? "" : " Not tuned: " + join(others) + ".");
}

std::vector<std::string> failures_of(const Comparison& comparison, const CellRecords& records) {
  std::vector<std::string> lines;
  for (const auto& setting : settings_of(comparison))
    for (const auto& group : groups_of(comparison, records, setting))
      for (const auto* record : group.failed)
        lines.push_back(
            fmt::format("{}, {}, seed {}: {}", setting.name(), group.title, record->id.seed, reason(*record)));
  return lines;
}

std::string RowSetting::name() const { return horizon > 0 ? fmt::format("{}, horizon {}", data, horizon) : data; }

std::vector<RowSetting> settings_of(const Comparison& comparison) {
  std::vector<RowSetting> list;
  for (const auto& cell : comparison.cells)
    if (list.empty() || list.back().data != cell.id.data || list.back().horizon != cell.id.horizon)
      list.push_back({cell.id.data, cell.id.horizon});
  return list;
}

std::vector<double> Group::values(const std::function<double(const CellResult&)>& of) const {
  std::vector<double> values;
  for (const auto* r : done) values.push_back(of(r->result));
  return values;
}

double Group::mean(const std::function<double(const CellResult&)>& of) const { return estimate(values(of)).mean; }

double Group::score(const std::string& name) const {
  return mean([&](const CellResult& r) { return r.scores.count(name) ? r.scores.at(name) : std::nan(""); });
}

std::vector<Group> groups_of(const Comparison& comparison, const CellRecords& records, const RowSetting& setting) {
  std::vector<Group> groups;
  for (const auto& contender : comparison.contenders) {
    Group group{contender.model, contender.title, groups.size(), {}, {}, {}, 0, nullptr};
    for (const auto& cell : comparison.cells) {
      const bool is_of = cell.id.model == contender.model && cell.recipe.train.protocol == contender.protocol;
      if (!is_of || cell.id.data != setting.data || cell.id.horizon != setting.horizon) continue;
      group.cells.push_back(&cell);
      const auto found = records.find(cell.key);
      if (found == records.end()) continue;
      const auto& record = found->second;
      const bool scored = record.state == CellState::done && has_finite_score(record.result);
      if (scored) group.done.push_back(&record);
      if (!scored && is_over(record.state)) group.failed.push_back(&record);
      group.interrupted += record.state == CellState::interrupted;
    }
    for (const auto& search : comparison.searches) {
      const auto& id = search.trials.front().cells.front().id;
      const auto& of = search.contender;
      if (of.model == contender.model && of.protocol == contender.protocol && id.data == setting.data &&
          id.horizon == setting.horizon)
        group.search = &search;
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

bool has_diverged(const CellRecord& failed) {
  return failed.state == CellState::done || failed.error.starts_with(kDiverged);
}

std::vector<std::string> remarks_of(const Group& group) {
  std::vector<std::string> remarks;
  const auto capped =
      std::count_if(group.done.begin(), group.done.end(), [](const CellRecord* r) { return r->result.capped; });
  if (capped > 0)
    remarks.push_back(fmt::format("stopped by the time limit of {:g} min before the end of training",
                                  group.cells.front()->recipe.train.max_minutes));
  std::int64_t touches = 0;
  for (const auto* r : group.done) touches = std::max(touches, r->result.test_touches.value_or(0));
  if (touches > 1) remarks.push_back(fmt::format("test split scored {} times in a run", touches));
  std::map<std::string, std::vector<std::string>> seeds;  // by what went wrong
  for (const auto* r : group.failed) seeds[reason(*r)].push_back(std::to_string(r->id.seed));
  for (const auto& [error, list] : seeds) {
    const auto which = (list.size() > 1 ? "seeds " : "seed ") + join(list) + " ";
    remarks.push_back((list.size() == group.cells.size() ? "" : which) + error);
  }
  const auto missing = group.cells.size() - group.done.size() - group.failed.size() - group.interrupted;
  if (group.search && !group.search->chosen) remarks.push_back(words_of_trials(*group.search));
  if (group.interrupted > 0)
    remarks.push_back(fmt::format("{} of {} runs interrupted", group.interrupted, group.cells.size()));
  if (missing > 0) remarks.push_back(missing == group.cells.size() ? "not run yet" : "not all seeds were run yet");
  return remarks;
}

void add_figures(Page& page, const std::string& heading, const std::string& words,
                 const std::vector<std::string>& svgs) {
  if (std::all_of(svgs.begin(), svgs.end(), [](const auto& svg) { return svg.empty(); })) return;
  page.heading(heading);
  page.paragraph(words);
  page.open_figures();
  for (const auto& svg : svgs)
    if (!svg.empty()) page.figure(svg);
  page.close_figures();
}

void add_table(Page& page, const Table& table) {
  page.table(html_table(table));
  for (const auto& note : table.notes) page.note(note);
}

std::string seeds_text(const ComparisonConfig& config) {
  std::vector<std::string> seeds;
  for (const auto s : config.seeds) seeds.push_back(std::to_string(s));
  return fmt::format("{} {}", seeds.size() == 1 ? "Seed" : "Seeds", join(seeds));
}

void add_environment(Page& page, const CellRecords& records) {
  std::set<std::string> machines;
  for (const auto& [key, record] : records)
    if (record.state == CellState::done && !record.result.environment.empty())
      machines.insert(record.result.environment.dump(1));
  page.open_details("Machine and libraries");
  for (const auto& machine : machines) page.preformatted(machine);
  page.close_details();
}

}  // namespace longwave
