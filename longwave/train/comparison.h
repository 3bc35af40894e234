#pragma once

#include <map>
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
  std::vector<std::string> protocols = {"scratch"};  // of sequences
  std::vector<std::string> published;                // "DATA | NAME | SCORE | SOURCE": lines beside measured scores
  double noise_floor = 0;                            // known smallest possible MSE; 0: none
  double solved = 0;                                 // of sequences: score that solves the task; 0: not said
  static const FieldTable<ComparisonConfig>& fields();
};

/// A score from elsewhere, shown as a line with its source and never ranked.
struct PublishedScore {
  std::string data, name;
  double score = 0;
  std::string source;
};

/// One model on one data set and horizon (sequences: with one protocol) with one seed.
struct ComparisonCell {
  CellId id;
  std::string key;  // of id
  Recipe recipe;
  std::string point = {};  // of a search: "train.learning_rate 0.003, ..."
};

/// What a table compares: a model, of sequences with the protocol that it is trained by.
struct Contender {
  std::string model, protocol, title;
};

/// A point of a search: its trial is the run at the first seed; the others follow if it is chosen.
struct Trial {
  std::vector<ComparisonCell> cells;      // by seed
  std::optional<CellRecord> record = {};  // of the trial, once choose() has looked
};

/// The trials of one contender on one data set and horizon; of a model without parameters one, at no point (see
/// is_tuned).
struct Search {
  Contender contender;
  std::vector<Trial> trials;
  std::optional<std::size_t> chosen = {};
};

struct Comparison {
  ComparisonConfig config;
  bool sequences = false;  // sequence sets and mixers; else forecasting
  bool narrowed = false;   // the command line leaves data sets of the recipe out
  std::vector<Contender> contenders;
  std::vector<PublishedScore> published;
  std::map<std::string, double> solved;  // by data set: score from which on it is solved, where the recipe says so
  std::vector<ComparisonCell> cells;     // by data set, horizon, seed, contender; with [search] see choose()
  std::vector<Search> searches;          // by data set, horizon, contender; none without [search]
};

/// Expands a comparison into its cells.
///
/// Sections: [compare]; [task] and [train] as in a training recipe, for all cells; [model.NAME] for the fields of one
/// model. Each may be narrowed by names of models, data sets and horizons of the comparison: [task.samovar.336],
/// [train.weather], [model.patchtst.weather]. A narrower section wins over a wider one, the command line over all.
/// [compare.DATA] gives one data set lists of its own (models, horizons, seeds, protocols: of those of the comparison),
/// and its own `solved`. A data set named "synthetic-var" is the generated one. Where the data are registered sequence
/// sets, models are mixers, horizons do not apply, [data.DATA] has the fields of a set, [model] those of all stacks,
/// [model.NAME.mixer] and [model.NAME.channel_mixer] those of one mixer, and [pretrain] those of self-pretraining.
/// Where DATA or NAME is the comparison's own for a variant, [data.DATA] has the registered name as `set`, [model.NAME]
/// as `name`. With [search] there are trials instead of cells, until choose() is told their outcomes. UserError names
/// the place, the key and the nearest name; every cell's recipe is checked before any runs. `written` is [compare] as
/// the recipe has it, where the command line changed its lists: what only that one names may have sections, which then
/// apply to no cell.
Comparison plan_comparison(const Sections& sections, const Settings& written = {});

}  // namespace longwave
