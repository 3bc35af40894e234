#include "longwave/train/experiment.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "longwave/base/check.h"
#include "longwave/base/memory.h"
#include "longwave/base/progress.h"
#include "longwave/tasks/forecast.h"
#include "longwave/tasks/synthetic_var.h"
#include "longwave/train/run_directory.h"
#include "longwave/train/trainer.h"

namespace longwave {
namespace {

/// What a recipe's task section and the options give: sizes for the model, then the task.
struct Source {
  std::string data;  // where they come from
  ForecastSizes sizes;
  std::function<std::shared_ptr<const Task>(bool with_calendar)> make_task;
};

Source forecast_source(const Recipe& recipe, const RunOptions& options) {
  auto data = options.forecast_data;
  if (!data) {
    const auto& t = recipe.task;
    data = std::make_shared<const ForecastData>(load_forecast_data({.data = t.data,
                                                                    .features = t.features,
                                                                    .target = t.target,
                                                                    .freq = t.freq,
                                                                    .lookback = t.lookback,
                                                                    .horizon = t.horizon},
                                                                   data_roots(options.data)));
  }
  const auto sizes = forecast_sizes(*data, recipe.task.label);
  const auto name = data->path.empty() ? data->name : data->path.string();
  return {name, sizes, [=, extra = recipe.train.extra_losses](bool with_calendar) {
            return make_forecast_task(data, sizes, {.with_calendar = with_calendar, .extra_losses = extra});
          }};
}

Source synthetic_source(const Recipe& recipe) {
  const auto& t = recipe.task;
  const auto sizes = synthetic_var_sizes(t.lookback, t.label);
  return {t.type, sizes, [=, extra = recipe.train.extra_losses](bool with_calendar) {
            return make_synthetic_var_task(static_cast<std::uint64_t>(t.data_seed), t.train_series, t.val_series, sizes,
                                           {.with_calendar = with_calendar, .extra_losses = extra});
          }};
}

Source open_source(const Recipe& recipe, const RunOptions& options) {
  return recipe.task.type == "synthetic-var" ? synthetic_source(recipe) : forecast_source(recipe, options);
}

std::shared_ptr<Forecaster> make_model(const Recipe& recipe, const ForecastSizes& sizes) {
  return find_forecaster(recipe.model).make(sizes, recipe.model_config, static_cast<std::uint64_t>(recipe.train.seed));
}

bool drops_channels(const Recipe& recipe, const Forecaster& model) {
  const auto& choice = recipe.train.random_channel_drop;
  return choice == "on" || (choice == "auto" && model.drops_channels());
}

Json sizes_json(const ForecastSizes& s) {
  return {{"lookback", s.lookback}, {"horizon", s.horizon}, {"channels", s.channels},
          {"targets", s.targets},   {"label", s.label},     {"time_features", s.time_features}};
}

ForecastSizes sizes_from_json(const Json& json) {
  const auto size = [&](const char* name) { return json.at(name).get<std::int64_t>(); };
  return {.lookback = size("lookback"),
          .horizon = size("horizon"),
          .channels = size("channels"),
          .targets = size("targets"),
          .label = size("label"),
          .time_features = size("time_features")};
}

std::string scores_text(const Scores& scores) {
  std::string text;
  for (const auto& [name, value] : scores) text += fmt::format("{}{} {:.5f}", text.empty() ? "" : " ", name, value);
  return text;
}

/// Fields of [train] that say what a position in the epoch means or what is trained; the others may differ between the
/// processes of a run (more epochs, a longer cap).
const std::vector<std::string> kFixedTraining{"batch", "accumulate", "seed", "random_channel_drop", "extra_losses"};

/// A checkpoint fits if it is of the same task and model and the fixed settings of training are the same.
void check_same_recipe(const Json& saved, const Json& wanted, const std::string& where) {
  for (const auto* section : {"task", "model", "train"})
    for (const auto& [key, value] : wanted.at(section).items()) {
      const bool free = std::find(kFixedTraining.begin(), kFixedTraining.end(), key) == kFixedTraining.end();
      if (section == std::string("train") && free) continue;
      const auto before = saved.contains(section) ? saved[section].value(key, Json()) : Json();
      check(before == value, where, ": is from another run: ", section, ".", key, " was ", before.dump(),
            ", the recipe says ", value.dump());
    }
}

/// One call of run_experiment: its parts and where their reports go.
class Experiment {
 public:
  Experiment(const Recipe& recipe, const RunOptions& options)
      : recipe_(recipe), json_(recipe_json(recipe)), options_(options) {
    if (recipe.train.threads > 0) at::set_num_threads(static_cast<int>(recipe.train.threads));
    source_ = open_source(recipe, options);
    result_.model = make_model(recipe, source_.sizes);
    result_.task = source_.make_task(result_.model->uses_calendar());
    result_.parameters = result_.model->parameter_count();
    // Only now: a mistake in the recipe or the data must not cost a finished run, nor leave an empty folder.
    if (!options.run.empty()) directory_.emplace(options.run, options.resume, options.overwrite);
    if (options.progress) progress_.emplace(stderr);
  }

  RunResult run() {
    reset_peak_memory();
    if (result_.parameters > 0)
      train();
    else
      begin_directory(0), result_.stopped = "no parameters";
    score();
    result_.peak_memory_bytes = peak_memory_bytes();
    finish();
    return std::move(result_);
  }

 private:
  using SaveHook = decltype(Trainer::Hooks::save);

  void begin_directory(std::int64_t step) {
    if (!directory_) return;
    directory_->write_start(json_);
    directory_->open_metrics(step);
  }

  void train() {
    auto& model = *result_.model;
    Trainer trainer(model, model.random, *result_.task, recipe_.train, drops_channels(recipe_, model), hooks(),
                    options_.keep_last);
    if (directory_ && options_.resume && std::filesystem::exists(directory_->last())) {
      const auto where = directory_->last().string();
      const auto saved = read_checkpoint(where);
      check_same_recipe(saved.recipe, json_, where);
      trainer.restore(saved, where);
      note(fmt::format("resumed at step {}", trainer.step()));
    }
    begin_directory(trainer.step());
    batches_ = trainer.batches_per_epoch();
    trainer.run(result_);
  }

  Trainer::Hooks hooks() {
    return {.log = [this](const Json& entry) { log(entry); },
            .save = directory_ ? [this](const Checkpoint& c, bool best_changed) { save(c, best_changed); } : SaveHook(),
            .step = [this](std::int64_t epoch, std::int64_t batch, double loss) { show(epoch, batch, loss); },
            .should_stop = options_.should_stop};
  }

  void save(Checkpoint checkpoint, bool best_changed) {
    checkpoint.recipe = json_;
    if (best_changed) write_best(checkpoint.best);
    write_checkpoint(directory_->last(), checkpoint);
  }

  void write_best(const TensorMap& weights) {
    write_weights(directory_->best(), weights, json_, sizes_json(source_.sizes));
  }

  void show(std::int64_t epoch, std::int64_t batch, double loss) {
    if (!progress_) return;
    progress_->update(fmt::format("epoch {}/{}", epoch + 1, recipe_.train.epochs), batch, batches_,
                      fmt::format("loss {:.5f}", loss));
  }

  void log(const Json& entry) {
    if (directory_) directory_->log(entry);
    if (options_.log) options_.log(entry);
    if (progress_ && entry.at("kind") == "epoch") {
      const auto record = epoch_from_json(entry);
      const auto test = record.test.empty() ? std::string() : "  test " + scores_text(record.test);
      progress_->line(fmt::format("epoch {}  train loss {:.5f}  val {}{}  {:.1f} s", record.epoch,
                                  record.train.at("loss"), scores_text(record.val), test, record.seconds));
    }
  }

  void note(const std::string& text) {
    if (progress_) progress_->line(text);
  }

  void score() {
    auto& model = *result_.model;
    model.eval();
    const EvaluateOptions options{.batch = recipe_.train.eval_batch};
    const auto best = static_cast<std::size_t>(result_.best_epoch);
    if (best > 0) result_.val = result_.history.at(best - 1).val;
    if (!options_.score) return;
    if (best == 0) result_.val = result_.task->evaluate(model, Split::val, options);
    if (result_.task->samples(Split::test) > 0) result_.test = result_.task->evaluate(model, Split::test, options);
  }

  void finish() {
    auto json = result_json(result_);
    Json entry = {{"kind", "result"}, {"step", result_.steps}, {"val", result_.val}, {"test", result_.test}};
    log(entry);
    if (directory_) {
      if (result_.parameters == 0) write_best(result_.model->state());
      Json file = {{"task", recipe_.task.type},
                   {"data", recipe_.task.data},
                   {"model", recipe_.model},
                   {"seed", recipe_.train.seed}};
      file.update(json);
      directory_->write_result(file);
    }
    note(fmt::format("{} after {} epochs, best epoch {}: val {}{}", result_.stopped, result_.epochs, result_.best_epoch,
                     scores_text(result_.val), result_.test.empty() ? "" : ", test " + scores_text(result_.test)));
  }

  Recipe recipe_;
  Json json_;
  RunOptions options_;
  std::optional<RunDirectory> directory_;
  std::optional<Progress> progress_;
  Source source_;
  RunResult result_;
  std::int64_t batches_ = 0;
};

}  // namespace

Json result_json(const RunResult& result) {
  Json history = Json::array();
  for (const auto& record : result.history) {
    history.push_back(epoch_json(record));
    history.back().erase("kind");
  }
  return {{"val", result.val},
          {"test", result.test},
          {"parameters", result.parameters},
          {"epochs", result.epochs},
          {"best_epoch", result.best_epoch},
          {"steps", result.steps},
          {"seconds_per_step", result.seconds_per_step},
          {"train_seconds", result.train_seconds},
          {"peak_memory_bytes", result.peak_memory_bytes},
          {"capped", result.capped},
          {"stopped", result.stopped},
          {"history", history}};
}

RunResult run_experiment(const Recipe& recipe, const RunOptions& options) { return Experiment(recipe, options).run(); }

LoadedRun load_run(const std::filesystem::path& run) {
  const auto path = std::filesystem::is_directory(run) ? run / "best.safetensors" : run;
  check(std::filesystem::exists(path), path.string(), ": no such file; expected a run directory with the weights of ",
        "at least one epoch");
  const auto weights = read_weights(path);
  LoadedRun loaded;
  loaded.path = run;
  loaded.recipe = recipe_from_json(weights.recipe, path.string());
  try {
    loaded.sizes = sizes_from_json(weights.sizes);
  } catch (const Json::exception& error) {
    fail(path.string(), ": damaged: its sizes are not complete (", error.what(), ")");
  }
  loaded.model = make_model(loaded.recipe, loaded.sizes);
  loaded.model->load(weights.tensors, path.string());
  loaded.model->eval();
  return loaded;
}

std::shared_ptr<const Task> make_task(const LoadedRun& run, const RunOptions& options) {
  const auto source = open_source(run.recipe, options);
  check(source.sizes.channels == run.sizes.channels, source.data, ": has ", source.sizes.channels,
        " series with task.features = \"", run.recipe.task.features, "\"; the run ", run.path.string(),
        " was trained on ", run.sizes.channels);
  return source.make_task(run.model->uses_calendar());
}

std::filesystem::path default_run_directory(const Recipe& recipe) {
  const auto task = recipe.task.type == "forecast"
                        ? fmt::format("{}-{}-{}", std::filesystem::path(recipe.task.data).stem().string(),
                                      recipe.task.lookback, recipe.task.horizon)
                        : recipe.task.type;
  return std::filesystem::path("runs") / fmt::format("{}-{}-{}", task, recipe.model, recipe.train.seed);
}

}  // namespace longwave
