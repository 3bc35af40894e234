#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "longwave/io/toml.h"
#include "longwave/train/comparison.h"

namespace longwave {

/// Settings that are tried together: {"train.learning_rate", 0.003}, ...
using SearchPoint = std::vector<std::pair<std::string, Setting>>;

/// Sections [search] and [search.MODEL] of a comparison: what is tried for every model, and what for one of them beside
/// it.
struct SearchSpace {
  using Lists = std::map<std::string, Setting>;  // "train.learning_rate" -> list of values
  Lists common;
  std::map<std::string, Lists> own;  // by model
  std::int64_t trials = 0;           // points of the common grid that are tried; 0: all

  bool empty() const { return common.empty(); }

  /// As many for every model, at the same points of the common grid; lists of its own give one value in turn. A larger
  /// number of trials keeps those of a smaller one.
  std::vector<SearchPoint> points(const std::string& model) const;
};

/// `models`: every name that a section may have.
SearchSpace search_space(const Sections& sections, const std::vector<std::string>& models, bool sequences);

/// Adds the settings of a point to the sections of a cell. UserError if one of them has a value there.
void apply(const SearchPoint& point, Sections& cell);

/// "train.learning_rate 0.003, train.weight_decay 0.1"
std::string words_of(const SearchPoint& point);

/// False for a model without parameters, whose only trial is its run without settings of the search.
bool is_tuned(const Search& search);

/// The cells to run first: each point of every search, at the first seed.
std::vector<ComparisonCell> trial_cells(const Comparison& comparison);

/// Notes the outcomes of trials. Where all of a search are settled, the point of the best validation score is chosen
/// and its cells join those of the comparison.
void choose(Comparison& comparison, const std::map<std::string, CellRecord>& records);

/// Validation score of a finished trial, as the trainer selects by; NaN if there is none.
double validation_score(const Trial& trial);

/// The same as a cost: the lower the better.
double validation_cost(const Trial& trial);

/// True once nothing is left to run: finished or failed.
bool is_settled(const Trial& trial);

/// Expected lowest cost of k = 1, ..., n of n trials, drawn without replacement. One that is not finite (a failure)
/// counts as the highest that is; empty if none is.
std::vector<double> expected_best(const std::vector<double>& costs);

}  // namespace longwave
