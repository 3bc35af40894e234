#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/io/toml.h"
#include "longwave/train/train_config.h"

namespace longwave {

/// Section [task] of types "forecast" and "synthetic-var": what is to be learnt.
struct TaskConfig {
  std::string type = "forecast";
  std::string data = "ETTh1";
  std::int64_t lookback = 512, horizon = 96;
  std::string features = "M", target = "OT", freq = "h";
  std::int64_t label = -1;
  std::int64_t train_series = 20000, val_series = 2000, data_seed = 2025;
  static const FieldTable<TaskConfig>& fields();
};

/// Section [task] of type "sequence".
struct SequenceTaskConfig {
  std::string type = "sequence";
  std::string data = "copying";
  bool bucket = true, fresh = false;
  std::string evaluation = "segment";
  std::int64_t context = 256, stride = 64;
  std::string objective = "task", mask_loss = "auto";
  double mask_ratio = -1;
  std::int64_t mask_span = 1;
  static const FieldTable<SequenceTaskConfig>& fields();
};

/// Section [pass]: what a run must reach, all of it. The scores are of the test split, else of the validation split.
struct PassConfig {
  std::vector<std::string> metric;
  std::vector<double> at_least, at_most;  // one of them, with a limit for every metric
  static const FieldTable<PassConfig>& fields();
};

/// Section [resampled]: the test split is scored once more, at another sampling rate that was not trained on, by the
/// same weights (Gu et al. 2022, "zero-shot" at 8 kHz). Mixers without a time step have no such score,
/// unless step_scale is 1.
struct ResampledConfig {
  std::vector<std::string> data;  // "KEY=VALUE" over [data]
  double step_scale = 1;          // factor of the time steps, 2 at half the rate
  static const FieldTable<ResampledConfig>& fields();
};

/// Everything that a run depends on, typed and complete.
struct Recipe {
  TaskConfig task;                     // of sequences only type and data
  SequenceTaskConfig sequence;         // of sequences
  Json data = Json::object();          // section [data]: fields of the sequence set, resolved
  std::string model;                   // registered forecaster; of sequences the mixer
  Json model_config = Json::object();  // its own fields, resolved; of sequences see resolve_sequence_model
  TrainConfig train;
  std::optional<TrainConfig> pretrain;  // the first phase if train.protocol is not "scratch"
  std::optional<ResampledConfig> resampled;
  std::optional<PassConfig> pass;

  bool is_sequence() const { return task.type == "sequence"; }
};

/// A recipe from sections [task], [model] (name + the model's own fields) and [train], optionally [pass]; of sequences
/// also [data], [model.mixer], [model.channel_mixer] and [pretrain]: what is different from [train] in the first phase.
/// UserError names the place, the key and the nearest known one. Fields that are not given have their defaults, but
/// model.name has none.
Recipe resolve_recipe(const Sections& sections);

/// UserError unless `name` is a registered forecaster, or for sequences a mixer; it says so if it is one of the other.
void check_model_name(const std::string& name, bool sequence);

/// The first phase of a recipe with self-pretraining, as a recipe of its own.
Recipe pretrain_recipe(const Recipe& recipe);

/// A recipe with [resampled] on the data of that section.
Recipe resampled_recipe(const Recipe& recipe);

/// The complete recipe: {"task": {...}, "model": {"name": ..., ...}, "train": {...}, ...}.
/// resolve_recipe(parse_toml(to_toml( recipe_json(r)))) is r again.
Json recipe_json(const Recipe& recipe);

/// The recipe back from recipe_json; `where` names its source in messages.
Recipe recipe_from_json(const Json& json, const std::string& where);

/// The recipe on other data, to evaluate its run on them: assignments "data.key=value" over section [data]. UserError
/// where one is of another section.
Recipe with_data(const Recipe& recipe, const std::vector<std::string>& assignments);

/// One section of the recipe and its fields, for --help and docs; the models' own fields are sections "model (name)".
struct RecipeSection {
  std::string name;
  std::vector<FieldInfo> fields;
};
std::vector<RecipeSection> describe_recipe(bool with_models = true);

}  // namespace longwave
