#pragma once

#include <optional>
#include <string>
#include <vector>

#include "longwave/report/store.h"
#include "longwave/train/recipe.h"

namespace longwave {

/// Section [compare] of a comparison's recipe.
struct ComparisonConfig {
  std::string title = "Comparison";
  std::vector<std::string> about;  // paragraphs for the reader: protocol, what was cut
  std::vector<std::string> models, data;
  std::vector<std::int64_t> horizons, seeds = {2024};
  double noise_floor = 0;  // known smallest possible MSE; 0: none
  static const FieldTable<ComparisonConfig>& fields();
};

/// One model on one data set and horizon with one seed.
struct ComparisonCell {
  CellId id;
  std::string key;  // of id
  Recipe recipe;
};

struct Comparison {
  ComparisonConfig config;
  std::vector<ComparisonCell> cells;  // by data set, horizon, seed, model
};

/// Expands a comparison into its cells.
///
/// Sections: [compare]; [task] and [train] as in a training recipe, for all cells; [model.NAME] for the fields of one
/// model. Each may be narrowed by names of models, data sets and horizons of the comparison: [task.samovar.336],
/// [train.weather], [model.patchtst.weather]. A narrower section wins over a wider one, the command line over all.
/// [compare.DATA] gives one data set lists of its own (models, horizons, seeds).
/// A data set named "synthetic-var" is the generated one. UserError names the place, the key and the nearest name;
/// every cell's recipe is checked before any runs.
Comparison plan_comparison(const Sections& sections);

}  // namespace longwave
