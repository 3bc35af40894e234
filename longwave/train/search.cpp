#include "longwave/train/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "longwave/base/random.h"
#include "longwave/tasks/metrics.h"
#include "longwave/train/comparison_sections.h"

namespace longwave {
namespace {

constexpr std::size_t kOwn = 2;  // lists that a model may add

/// "train.learning_rate" -> {"train", "learning_rate"}.
std::pair<std::string, std::string> section_and_key(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? std::pair{std::string(), path}
                                  : std::pair{path.substr(0, dot), path.substr(dot + 1)};
}

void check_list(const std::string& path, const Setting& setting, const std::vector<std::string>& models,
                bool sequences) {
  auto known = std::vector<std::string>{"train", "model"};
  if (sequences) known.insert(known.end(), {"model.mixer", "model.channel_mixer", "pretrain"});
  auto first_words = models;
  first_words.insert(first_words.end(), {"train", "model", "trials"});
  check(has(known, section_and_key(path).first), setting.where, ": search: '", path,
        "' cannot be searched; expected \"SECTION.KEY\" with one of the sections ", join(known),
        ", in [search] or [search.MODEL]", suggestion(path.substr(0, path.find('.')), first_words));
  check(setting.value.is_array() && !setting.value.empty(), setting.where, ": search: ", path, " is ",
        setting.value.dump(), "; expected a list of values to try");
}

/// Takes "mamba." off "mamba.train.learning_rate" and says which model it was; "" if there was none.
std::string take_model(std::string& path, const std::vector<std::string>& models) {
  std::string best;
  for (const auto& model : models)
    if (path.starts_with(model + ".") && model.size() > best.size()) best = model;
  if (!best.empty()) path.erase(0, best.size() + 1);
  return best;
}

std::vector<SearchPoint> grid_of(const SearchSpace::Lists& lists) {
  std::vector<SearchPoint> grid(1);
  for (const auto& [path, list] : lists) {
    std::vector<SearchPoint> finer;
    for (const auto& point : grid)
      for (const auto& value : list.value) {
        finer.push_back(point);
        finer.back().emplace_back(path, Setting{value, list.where});
      }
    grid = std::move(finer);
  }
  return grid;
}

/// The same on every machine.
std::vector<std::size_t> random_order(std::size_t size, std::uint64_t purpose) {
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  auto random = RandomStream{}.split(purpose);
  for (auto left = size; left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
  return order;
}

void check_space(const SearchSpace& space, const Setting& trials) {
  check(!space.common.empty(),
        "[search] has nothing to try for all models; expected lists such as \"train.learning_rate\" = [1e-3, 3e-3]");
  const auto points = static_cast<std::int64_t>(grid_of(space.common).size());
  check(trials.where.empty() || (space.trials >= 1 && space.trials <= points), trials.where, ": search.trials is ",
        trials.value.dump(), "; expected a whole number from 1 to ", points, ", the points of the grid");
  for (const auto& [model, lists] : space.own) {
    const auto& where = lists.begin()->second.where;
    check(lists.size() <= kOwn, where, ": [search.", model, "] has ", lists.size(), " lists; expected at most ", kOwn,
          " beside those of all models");
    for (const auto& [path, list] : lists)
      check(!space.common.contains(path), list.where, ": search.", model, ".", path,
            " is searched for all models; expected one list of it");
  }
}

}  // namespace

SearchSpace search_space(const Sections& sections, const std::vector<std::string>& models, bool sequences) {
  SearchSpace space;
  Setting trials;
  bool any = false;
  for (const bool command_line : {false, true})
    for (const auto& [section, settings] : sections) {
      if (section != "search" && !section.starts_with("search.")) continue;
      any = true;
      for (const auto& [key, setting] : settings) {
        if ((setting.where == kCommandLine) != command_line) continue;
        // A key in quotes, a dotted one and a section of its own say the same.
        auto path = (section + "." + key).substr(std::string("search.").size());
        if (path == "trials") {
          trials = setting;
          continue;
        }
        const auto model = take_model(path, models);
        check_list(path, setting, models, sequences);
        (model.empty() ? space.common : space.own[model])[path] = setting;
      }
    }
  if (!any) return space;
  read_value(trials.value, space.trials);
  check_space(space, trials);
  return space;
}

std::vector<SearchPoint> SearchSpace::points(const std::string& model) const {
  const auto grid = grid_of(common), more = grid_of(own.contains(model) ? own.at(model) : Lists());
  const auto order = random_order(grid.size(), 0), turns = random_order(more.size(), 1);
  const auto count = trials > 0 ? static_cast<std::size_t>(trials) : grid.size();
  std::map<std::size_t, SearchPoint> chosen;  // in the order of the grid, which reads better
  for (std::size_t i = 0; i < count; ++i) {
    auto& point = chosen[order[i]] = grid[order[i]];
    const auto& its = more[turns[i % more.size()]];
    point.insert(point.end(), its.begin(), its.end());
  }
  std::vector<SearchPoint> list;
  for (auto& [place, point] : chosen) list.push_back(std::move(point));
  return list;
}

void apply(const SearchPoint& point, Sections& cell) {
  for (const auto& [path, setting] : point) {
    const auto [section, key] = section_and_key(path);
    auto& value = cell[section][key];
    check(value.where.empty(), value.where, ": ", path, " has a value here and is searched (", setting.where,
          "); expected one of both");
    value = setting;
  }
}

std::string words_of(const SearchPoint& point) {
  std::string words;
  for (const auto& [path, setting] : point) words += (words.empty() ? "" : ", ") + path + " " + setting.value.dump();
  return words;
}

bool is_tuned(const Search& search) { return !search.trials.front().cells.front().point.empty(); }

std::vector<ComparisonCell> trial_cells(const Comparison& comparison) {
  std::vector<ComparisonCell> cells;
  for (const auto& search : comparison.searches)
    for (const auto& trial : search.trials) cells.push_back(trial.cells.front());
  return cells;
}

double validation_score(const Trial& trial) {
  if (!trial.record || trial.record->state != CellState::done) return std::nan("");
  const auto& result = trial.record->result;
  const auto score = result.scores.find("val_" + result.metric);
  return score == result.scores.end() ? std::nan("") : score->second;
}

double validation_cost(const Trial& trial) {
  const double score = validation_score(trial);
  return std::isfinite(score) && find_metric(trial.record->result.metric).higher ? -score : score;
}

bool is_settled(const Trial& trial) { return trial.record && is_over(trial.record->state); }

void choose(Comparison& comparison, const std::map<std::string, CellRecord>& records) {
  for (auto& search : comparison.searches) {
    for (auto& trial : search.trials)
      if (const auto found = records.find(trial.cells.front().key); found != records.end())
        trial.record = found->second;
    if (!std::all_of(search.trials.begin(), search.trials.end(), is_settled)) continue;
    const auto cost = [](const Trial& trial) {
      const double value = validation_cost(trial);
      return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
    };
    const auto best = std::min_element(search.trials.begin(), search.trials.end(),
                                       [&](const Trial& a, const Trial& b) { return cost(a) < cost(b); });
    if (!std::isfinite(cost(*best))) continue;
    search.chosen = static_cast<std::size_t>(best - search.trials.begin());
    comparison.cells.insert(comparison.cells.end(), best->cells.begin(), best->cells.end());
  }
}

std::vector<double> expected_best(const std::vector<double>& costs) {
  std::vector<double> finite;
  std::copy_if(costs.begin(), costs.end(), std::back_inserter(finite), [](double c) { return std::isfinite(c); });
  if (finite.empty()) return {};
  finite.resize(costs.size(), *std::max_element(finite.begin(), finite.end()));
  std::sort(finite.begin(), finite.end());
  const auto n = finite.size();
  std::vector<double> expected;
  for (std::size_t k = 1; k <= n; ++k) {
    // Of the subsets of k, C(n - i - 1, k - 1) have the i-th (from 0) as their best: a share that shrinks from one to
    // the next by (n - i - k) / (n - i - 1).
    double share = static_cast<double>(k) / static_cast<double>(n), sum = 0;
    for (std::size_t i = 0; i + k <= n; ++i) {
      sum += share * finite[i];
      if (i + 1 < n) share *= static_cast<double>(n - i - k) / static_cast<double>(n - i - 1);
    }
    expected.push_back(sum);
  }
  return expected;
}

}  // namespace longwave
