#include "longwave/cli/check_cells.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

#include "longwave/base/check.h"
#include "longwave/data/find_data.h"
#include "longwave/data/sequence_data.h"
#include "longwave/data/sequence_summary.h"
#include "longwave/data/split.h"
#include "longwave/train/experiment.h"
#include "longwave/train/idle_settings.h"
#include "longwave/train/search.h"

namespace longwave {
namespace {

std::shared_ptr<const SequenceData> open_set(const ComparisonCell& cell, const std::string& folder) {
  const auto& set = cell.recipe.task.data;
  try {
    return find_sequence_data(set).make(cell.recipe.data, {data_roots(folder)});
  } catch (const UserError& error) {
    const auto& name = cell.id.data;
    fail(error.what(), name == set ? " (data set " + name + ")" : " ([data." + name + "])");
  }
}

/// UserError if the file to forecast is missing, cannot be read, or has too few rows for this model's lookback and
/// horizon. `rows`: of the sets that were read before.
void check_rows(const ComparisonCell& cell, const std::string& folder, std::map<std::string, std::int64_t>& rows) {
  const auto& task = cell.recipe.task;
  const auto found = find_data(task.data, data_roots(folder));
  if (!rows.contains(task.data)) rows[task.data] = read_data(found).rows;
  try {
    split_rows(found.set ? found.set->protocol : Protocol::custom, rows.at(task.data), task.lookback, task.horizon,
               found.path.string());
  } catch (const UserError& error) {
    fail(error.what(), " (cell ", cell.id.model, ", ", cell.id.data, ", horizon ", cell.id.horizon, ")");
  }
}

/// Accuracies are shares: 45 would be printed as 4500 %.
void check_shares(const Comparison& comparison, const std::string& data) {
  const auto check_share = [](const std::string& what, double score) {
    check(score >= 0 && score <= 1, what, " is ", score, "; expected a share from 0 to 1, such as 0.45 for 45 %");
  };
  for (const auto& line : comparison.published)
    if (line.data == data) check_share("compare.published: the score of " + line.name + " on " + data, line.score);
  if (const auto found = comparison.solved.find(data); found != comparison.solved.end())
    check_share("compare.solved of " + data, found->second);
}

/// Sets share settings that not all of them take: idle are those that none takes.
void keep_idle(const Recipe& recipe, SequenceGoal goal, std::optional<IdleSettings>& idle) {
  const auto here = idle_settings(recipe, goal);
  if (!idle) idle = here;
  std::erase_if(*idle, [&](const auto& setting) { return !here.contains(setting.first); });
}

}  // namespace

std::vector<ComparisonCell> first_cells(const Comparison& comparison) {
  return comparison.searches.empty() ? comparison.cells : trial_cells(comparison);
}

Contents check_cells(const Comparison& comparison, const std::string& folder) {
  RunOptions options;
  std::string opened;           // one at a time; the cells of a set follow one another
  std::set<std::string> tried;  // settings without those of training
  std::set<std::string> built;  // contenders of searches
  std::map<std::string, std::string> unbuilt;
  std::map<std::string, std::int64_t> rows;  // of sets to forecast
  std::optional<IdleSettings> idle;
  Contents contents;
  for (const auto& cell : first_cells(comparison)) {
    if (cell.recipe.task.type == "forecast") check_rows(cell, folder, rows);
    if (!cell.recipe.is_sequence()) continue;
    if (opened != cell.id.data) {
      options.sequence_data.reset();
      options.sequence_data = open_set(cell, folder);
      opened = cell.id.data;
      const auto& facts = options.sequence_data->facts();
      contents[opened] = facts.content_hash;
      if (facts.classes > 0 && facts.goal != SequenceGoal::regress_steps) check_shares(comparison, opened);
      for (const auto& line : sample_cautions(*options.sequence_data)) fmt::print("caution: {}: {}\n", opened, line);
    }
    auto settings = recipe_json(cell.recipe);
    settings["train"] = cell.recipe.train.protocol;
    settings.erase("pretrain");
    if (!tried.insert(cell.id.data + settings.dump()).second) continue;
    keep_idle(cell.recipe, options.sequence_data->facts().goal, idle);
    const auto contender = cell.id.data + " " + cell.id.model + " " + cell.recipe.train.protocol;
    try {
      check_experiment(cell.recipe, options);
      built.insert(contender);
    } catch (const UserError& error) {
      const auto message = fmt::format("{} (cell {}, {}{}{})", error.what(), cell.id.model, cell.id.data,
                                       cell.point.empty() ? "" : ", ", cell.point);
      check(!cell.point.empty(), message);
      unbuilt.emplace(contender, message);
    } catch (const std::bad_alloc&) {  // fails in its cell, alone
    }
  }
  for (const auto& [contender, message] : unbuilt) check(built.contains(contender), message);
  if (idle && !idle->empty() && !comparison.narrowed) fail(idle->begin()->second);
  return contents;
}

Contents contents_to_show(const Comparison& comparison, const std::vector<CellRecord>& stored,
                          const std::string& folder) {
  Contents contents;
  const auto cells = first_cells(comparison);
  for (const auto& [data, known] : stored_contents(comparison, stored)) {
    if (known.size() < 2) {
      contents[data] = known.empty() ? "" : known.front();
      continue;
    }
    const auto cell = std::find_if(cells.begin(), cells.end(), [&](const auto& c) { return c.id.data == data; });
    try {
      contents[data] = open_set(*cell, folder)->facts().content_hash;
    } catch (const UserError& error) {
      fail("the store has cells of ", data, " of ", known.size(), " different contents, and without the files it is ",
           "not known which to show: ", error.what());
    }
  }
  return contents;
}

}  // namespace longwave
