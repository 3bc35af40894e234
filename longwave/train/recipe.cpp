#include "longwave/train/recipe.h"

#include <cmath>

#include "longwave/models/forecaster.h"

namespace longwave {
namespace {

using Int = std::int64_t;

Rule<double> positive() {
  return {"> 0 and finite", [](const double& v) { return v > 0 && std::isfinite(v); }};
}

}  // namespace

const FieldTable<TaskConfig>& TaskConfig::fields() {
  using C = TaskConfig;
  static const auto table =
      FieldTable<C>()
          .add("type", &C::type, "forecast: a data set; synthetic-var: generated vector autoregressions",
               one_of({"forecast", "synthetic-var"}))
          .add("data", &C::data, "name of a data set (ETTh1, weather, ...) or path of a CSV file")
          .add("lookback", &C::lookback, "observed steps that the model sees", at_least<Int>(1))
          .add("horizon", &C::horizon, "steps to forecast", at_least<Int>(1))
          .add("features", &C::features, "M: all series in and out; S: the target alone; MS: all in, the target out",
               one_of({"M", "S", "MS"}))
          .add("target", &C::target, "column of the target, moved to the last place")
          .add("freq", &C::freq, "calendar features: h hourly, t with minutes", one_of({"h", "t"}))
          .add("label", &C::label, "observed steps repeated to a decoder; -1: the whole lookback", at_least<Int>(-1))
          .add("train_series", &C::train_series, "synthetic-var: generated series to train on", at_least<Int>(1))
          .add("val_series", &C::val_series, "synthetic-var: generated series to validate on", at_least<Int>(1))
          .add("data_seed", &C::data_seed, "synthetic-var: of the generated series; train.seed does not change them",
               at_least<Int>(0));
  return table;
}

const FieldTable<TrainConfig>& TrainConfig::fields() {
  using C = TrainConfig;
  static const auto table =
      FieldTable<C>()
          .add("epochs", &C::epochs, "passes over the training split at most", at_least<Int>(1))
          .add("batch", &C::batch, "windows of one forward and backward pass", at_least<Int>(1))
          .add("accumulate", &C::accumulate, "batches whose mean gradient makes one optimiser step", at_least<Int>(1))
          .add("eval_batch", &C::eval_batch, "windows at once when scoring; changes scores of timesnet and informer",
               at_least<Int>(1))
          .add("learning_rate", &C::learning_rate, "the largest of the schedule", positive())
          .add("beta1", &C::beta1, "AdamW: decay of the gradient mean; onecycle with cycle_momentum sets its own",
               fraction())
          .add("beta2", &C::beta2, "AdamW: decay of the squared gradient mean", fraction())
          .add("epsilon", &C::epsilon, "AdamW: added to the root", positive())
          .add("weight_decay", &C::weight_decay, "AdamW: decoupled decay of all parameters", at_least<double>(0))
          .add("schedule", &C::schedule, "course of the learning rate",
               one_of({"onecycle", "cosine", "constant", "plateau", "linear"}))
          .add("warmup_epochs", &C::warmup_epochs, "linear rise from 0 at the start; not with onecycle",
               at_least<double>(0))
          .add("warmup_fraction", &C::warmup_fraction, "onecycle: part of all steps that rises", between(0.0, 1.0))
          .add("initial_division", &C::initial_division, "onecycle: first rate = learning_rate / this", positive())
          .add("final_division", &C::final_division, "onecycle: last rate = first rate / this", positive())
          .add("cycle_momentum", &C::cycle_momentum, "onecycle: beta1 goes 0.95, 0.85, 0.95 against the rate")
          .add("min_learning_rate", &C::min_learning_rate, "cosine and plateau: the smallest rate", at_least<double>(0))
          .add("plateau_factor", &C::plateau_factor, "plateau: factor of the rate when validation stalls",
               between(0.0, 1.0))
          .add("plateau_patience", &C::plateau_patience, "plateau: epochs without improvement before that",
               at_least<Int>(0))
          .add("clip", &C::clip, "largest global norm of the gradient; 0: no clipping", at_least<double>(0))
          .add("patience", &C::patience, "stop after so many epochs without improvement; 0: never", at_least<Int>(0))
          .add("seed", &C::seed, "of everything random: weights, order of windows, dropout", at_least<Int>(0))
          .add("threads", &C::threads, "0: as the program decides", at_least<Int>(0))
          .add("random_channel_drop", &C::random_channel_drop,
               "zero random channels of training batches; auto: where the model's paper does",
               one_of({"auto", "on", "off"}))
          .add("extra_losses", &C::extra_losses, "add the losses that the model brings (next step, continuity)")
          .add("test_every_epoch", &C::test_every_epoch, "also score the test split after every epoch; never selects")
          .add("max_minutes", &C::max_minutes, "stop cleanly after this time; 0: no limit", at_least<double>(0))
          .add("checkpoint_steps", &C::checkpoint_steps, "also save every so many optimiser steps; 0: by time alone",
               at_least<Int>(0))
          .add("checkpoint_seconds", &C::checkpoint_seconds, "save at least this often, and after every epoch",
               at_least<double>(0))
          .add("log_steps", &C::log_steps, "optimiser steps between entries of metrics.jsonl", at_least<Int>(1));
  return table;
}

Recipe resolve_recipe(const Sections& sections) {
  check_sections(sections, {"task", "model", "train"});
  const auto section = [&](const char* name) {
    const auto found = sections.find(name);
    return found == sections.end() ? Settings() : found->second;
  };
  Recipe recipe;
  recipe.task = TaskConfig::fields().parse(section("task"), "task");
  check(recipe.task.type == "forecast" || recipe.task.horizon == 1, "task.horizon is ", recipe.task.horizon,
        "; expected 1 with task.type = \"synthetic-var\"");
  recipe.train = TrainConfig::fields().parse(section("train"), "train");
  check(
      recipe.train.warmup_epochs == 0 || recipe.train.schedule != "onecycle", section("train")["warmup_epochs"].where,
      ": train.warmup_epochs has no effect with train.schedule = \"onecycle\"; set train.warmup_fraction instead, or ",
      "another schedule");
  auto model = section("model");
  if (const auto name = model.find("name"); name != model.end()) {
    check(read_value(name->second.value, recipe.model), name->second.where, ": model.name is ",
          name->second.value.dump(), "; expected the name of a model as text");
    try {
      find_forecaster(recipe.model);
    } catch (const UserError& error) {
      fail(name->second.where, ": model.name: ", error.what());
    }
    model.erase("name");
  }
  recipe.model_config = find_forecaster(recipe.model).resolve(model, "model", false);
  return recipe;
}

Json recipe_json(const Recipe& recipe) {
  Json model = {{"name", recipe.model}};
  for (const auto& [key, value] : recipe.model_config.items()) model[key] = value;
  return {{"task", TaskConfig::fields().dump(recipe.task)},
          {"model", model},
          {"train", TrainConfig::fields().dump(recipe.train)}};
}

Recipe recipe_from_json(const Json& json, const std::string& where) {
  Sections sections;
  check(json.is_object(), where, ": holds no recipe");
  for (const auto& [section, settings] : json.items()) sections[section] = settings_from_json(settings, where);
  return resolve_recipe(sections);
}

std::vector<RecipeSection> describe_recipe(bool with_models) {
  std::vector<RecipeSection> list{{"task", TaskConfig::fields().describe()},
                                  {"train", TrainConfig::fields().describe()}};
  if (!with_models) return list;
  for (const auto& [name, info] : forecasters()) list.push_back({"model (name = \"" + name + "\")", info.fields});
  return list;
}

}  // namespace longwave
