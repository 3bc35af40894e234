#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longwave/base/fields.h"
#include "longwave/io/toml.h"

namespace longwave {

/// Section [task]: what is to be learnt.
struct TaskConfig {
  std::string type = "forecast";
  std::string data = "ETTh1";
  std::int64_t lookback = 512, horizon = 96;
  std::string features = "M", target = "OT", freq = "h";
  std::int64_t label = -1;
  std::int64_t train_series = 20000, val_series = 2000, data_seed = 2025;
  static const FieldTable<TaskConfig>& fields();
};

/// Section [train]: how.
struct TrainConfig {
  std::int64_t epochs = 100, batch = 32, accumulate = 1, eval_batch = 64;
  double learning_rate = 1e-4, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.1;
  std::string schedule = "onecycle";
  double warmup_epochs = 0, warmup_fraction = 0.05, initial_division = 10, final_division = 1e4, min_learning_rate = 0;
  bool cycle_momentum = true;
  double plateau_factor = 0.5;
  std::int64_t plateau_patience = 3;
  double clip = 1;
  std::int64_t patience = 12;
  std::int64_t seed = 2024, threads = 0;
  std::string random_channel_drop = "auto";
  bool extra_losses = true, test_every_epoch = false;
  double max_minutes = 0;
  std::int64_t checkpoint_steps = 0;
  double checkpoint_seconds = 60;
  std::int64_t log_steps = 100;
  static const FieldTable<TrainConfig>& fields();
};

/// Everything that a run depends on, typed and complete.
struct Recipe {
  TaskConfig task;
  std::string model = "samovar";       // registered name
  Json model_config = Json::object();  // its own fields, resolved
  TrainConfig train;
};

/// A recipe from sections [task], [model] (name + the model's own fields) and [train]. UserError names the place, the
/// key and the nearest known one. Fields that are not given have their defaults.
Recipe resolve_recipe(const Sections& sections);

/// The complete recipe: {"task": {...}, "model": {"name": ..., ...}, "train": {...}}.
/// resolve_recipe(parse_toml(to_toml( recipe_json(r)))) is r again.
Json recipe_json(const Recipe& recipe);

/// The recipe back from recipe_json; `where` names its source in messages.
Recipe recipe_from_json(const Json& json, const std::string& where);

/// One section of the recipe and its fields, for --help and docs; the models' own fields are sections "model (name)".
struct RecipeSection {
  std::string name;
  std::vector<FieldInfo> fields;
};
std::vector<RecipeSection> describe_recipe(bool with_models = true);

}  // namespace longwave
