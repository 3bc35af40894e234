#include "longwave/train/experiment.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <thread>

#include "longwave/base/atomic_file.h"
#include "longwave/nn/tensor_file.h"
#include "longwave/tasks/forecast.h"
#include "longwave/train/checkpoint.h"
#include "longwave/train/loaded_run.h"
#include "longwave/train/trainer.h"
#include "tests/support/error_message.h"
#include "tests/support/series.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;
using testing::message;

/// Recipe text with overrides separated by spaces. One thread: some tests fork.
Recipe recipe_of(const std::string& text, const std::string& overrides) {
  auto sections =
      parse_toml(text + "\n[train]\nepochs = 2\nbatch = 8\nseed = 5\nlearning_rate = 0.01\nthreads = 1\n", "test");
  std::istringstream words(overrides);
  for (std::string word; words >> word;) apply_override(sections, word);
  return resolve_recipe(sections);
}

Recipe small_recipe(const std::string& overrides = "") {
  return recipe_of(
      "[task]\nlookback = 13\nhorizon = 3\n[model]\nname = \"samovar\"\nd_model = 8\nn_heads = 2\ne_layers = 1\n",
      overrides);
}

Recipe linear_recipe(const std::string& overrides) {
  return recipe_of("[task]\nlookback = 13\nhorizon = 3\n[model]\nname = \"linear\"\n", overrides);
}

class ExperimentTest : public ::testing::Test {
 protected:
  ExperimentTest() : folder_(fs::temp_directory_path() / ("longwave_experiment_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
  }
  ~ExperimentTest() override { fs::remove_all(folder_); }

  RunOptions options(const std::string& run = "") const {
    RunOptions options;
    if (!run.empty()) options.run = folder_ / run;
    options.forecast_data = data_;
    return options;
  }

  fs::path folder_;
  std::shared_ptr<const ForecastData> data_ = testing::wave_data();
};

void expect_same(const TensorMap& a, const TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(at::equal(tensor, b.at(name))) << name;
}

TEST_F(ExperimentTest, LearnsAndSameSeedGivesTheSameBits) {
  const auto a = run_experiment(small_recipe("train.epochs=8"), options());
  const auto b = run_experiment(small_recipe("train.epochs=8"), options());
  const auto c = run_experiment(small_recipe("train.epochs=8 train.seed=6"), options());
  expect_same(a.model->state(), b.model->state());
  EXPECT_EQ(a.test.at("mse"), b.test.at("mse"));
  EXPECT_NE(a.test.at("mse"), c.test.at("mse"));
  EXPECT_LT(a.history.back().train.at("loss"), a.history.front().train.at("loss"));
  EXPECT_EQ(a.stopped, "finished");
  EXPECT_GT(a.parameters, 0);
}

/// Runs in a child that kills itself with SIGKILL once it has logged `step`.
void killed_run(const Recipe& recipe, RunOptions options, std::int64_t step) {
  const auto child = ::fork();
  if (child == 0) {
    options.should_stop = [steps = std::int64_t{0}, step]() mutable {
      if (++steps == step) ::raise(SIGKILL);
      return false;
    };
    run_experiment(recipe, options);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST_F(ExperimentTest, KilledAndResumedGivesTheBitsOfAnUninterruptedRun) {
  for (const std::string more :
       {"", "train.accumulate=2", "train.random_channel_drop=on train.schedule=plateau", "train.average=0.8"}) {
    const auto recipe = small_recipe("train.checkpoint_steps=2 train.log_steps=1 " + more);
    for (const std::int64_t step : {4, 7}) {
      const auto name = "killed" + std::to_string(step) + std::to_string(more.size());
      killed_run(recipe, options(name), step);
      ASSERT_TRUE(fs::exists(folder_ / name / "last.safetensors"));
      EXPECT_FALSE(fs::exists(folder_ / name / "result.json"));
      auto again = options(name);
      again.resume = true;
      const auto resumed = run_experiment(recipe, again);
      const auto whole = run_experiment(recipe, options());
      expect_same(whole.model->state(), resumed.model->state());
      EXPECT_EQ(whole.test, resumed.test);
      ASSERT_EQ(whole.history.size(), resumed.history.size());
      for (std::size_t i = 0; i < whole.history.size(); ++i) {
        EXPECT_EQ(whole.history[i].train, resumed.history[i].train);
        EXPECT_EQ(whole.history[i].val, resumed.history[i].val);
      }
    }
  }
}

TEST_F(ExperimentTest, AnEpochThatWasLoggedButNotSavedIsLoggedOnceByAResumedRun) {
  const auto recipe = linear_recipe("train.epochs=3 train.checkpoint_steps=1 train.log_steps=1");
  auto cut = options("run");
  cut.log = [](const Json& entry) {
    if (entry.at("kind") == "epoch" && entry.at("epoch") == 2) throw std::runtime_error("cut");
  };
  EXPECT_THROW(run_experiment(recipe, cut), std::runtime_error);
  auto again = options("run");
  again.resume = true;
  const auto whole = run_experiment(recipe, again);
  std::map<std::string, std::vector<std::int64_t>> seen;
  std::ifstream metrics(folder_ / "run" / "metrics.jsonl");
  for (std::string line; std::getline(metrics, line);) {
    const auto entry = Json::parse(line);
    const auto kind = entry["kind"].get<std::string>();
    seen[kind].push_back(entry[kind == "epoch" ? "epoch" : "step"].get<std::int64_t>());
  }
  EXPECT_EQ(seen["epoch"], (std::vector<std::int64_t>{1, 2, 3}));
  std::vector<std::int64_t> steps(whole.steps);
  std::iota(steps.begin(), steps.end(), 1);
  EXPECT_EQ(seen["step"], steps);
}

TEST_F(ExperimentTest, AResultThatWasLoggedButNotWrittenIsLoggedOnce) {
  run_experiment(linear_recipe(""), options("run"));
  fs::remove(folder_ / "run" / "result.json");
  auto again = options("run");
  again.resume = true;
  run_experiment(linear_recipe(""), again);
  std::ifstream metrics(folder_ / "run" / "metrics.jsonl");
  int results = 0;
  for (std::string line; std::getline(metrics, line);) results += Json::parse(line)["kind"] == "result";
  EXPECT_EQ(results, 1);
}

TEST_F(ExperimentTest, CtrlCSavesACheckpointAndResumes) {
  auto stopped = options("stopped");
  stopped.should_stop = [steps = 0]() mutable {
    if (++steps == 5) ::raise(SIGINT);
    return false;
  };
  EXPECT_THROW(run_experiment(small_recipe(), stopped), Interrupted);
  auto again = options("stopped");
  again.resume = true;
  const auto resumed = run_experiment(small_recipe(), again);
  expect_same(run_experiment(small_recipe(), options()).model->state(), resumed.model->state());
}

TEST_F(ExperimentTest, RunDirectoryHoldsEverything) {
  const auto result = run_experiment(small_recipe("train.log_steps=3"), options("run"));
  for (const auto* name : {"recipe.toml", "environment.json", "metrics.jsonl", "result.json", "best.safetensors"})
    EXPECT_TRUE(fs::exists(folder_ / "run" / name)) << name;
  const auto again = resolve_recipe(read_toml(folder_ / "run" / "recipe.toml"));
  EXPECT_EQ(recipe_json(again), recipe_json(small_recipe("train.log_steps=3")));
  const auto json = Json::parse(read_file(folder_ / "run" / "result.json"));
  EXPECT_EQ(json["test"]["mse"], result.test.at("mse"));
  int epochs = 0, steps = 0;
  std::ifstream metrics(folder_ / "run" / "metrics.jsonl");
  for (std::string line; std::getline(metrics, line);) {
    const auto entry = Json::parse(line);
    epochs += entry["kind"] == "epoch";
    steps += entry["kind"] == "step";
  }
  EXPECT_EQ(epochs, 2);
  EXPECT_EQ(steps, result.steps / 3);
  const auto loaded = load_run(folder_ / "run");
  expect_same(result.model->state(), loaded.model->state());
  const auto task = make_task(loaded, options());
  EXPECT_EQ(task->evaluate(*loaded.model, Split::test, {}), result.test);
}

TEST_F(ExperimentTest, FinishedRunsAndForeignCheckpointsAreRefusedInOneLine) {
  run_experiment(small_recipe("train.epochs=1"), options("run"));
  EXPECT_NE(message([&] { run_experiment(small_recipe(), options("run")); }).find("holds a finished run"),
            std::string::npos);
  fs::remove(folder_ / "run" / "result.json");
  EXPECT_NE(message([&] { run_experiment(small_recipe(), options("run")); }).find("--resume"), std::string::npos);
  auto resume = options("run");
  resume.resume = true;
  EXPECT_NE(message([&] {
              run_experiment(small_recipe("model.d_model=16"), resume);
            }).find("is from another run: model.d_model was 8, the recipe says 16"),
            std::string::npos);
  fs::resize_file(folder_ / "run" / "last.safetensors", 5000);
  const auto truncated = message([&] { run_experiment(small_recipe(), resume); });
  EXPECT_NE(truncated.find("last.safetensors"), std::string::npos) << truncated;
  EXPECT_EQ(truncated.find('\n'), std::string::npos);
  auto overwrite = options("run");
  overwrite.overwrite = true;
  EXPECT_EQ(run_experiment(small_recipe(), overwrite).stopped, "finished");
}

TEST_F(ExperimentTest, ARunInProgressIsLocked) {
  auto outer = options("run");
  std::string inner;
  outer.should_stop = [&] {
    inner = message([&] { run_experiment(small_recipe(), options("run")); });
    return true;
  };
  const auto result = run_experiment(small_recipe(), outer);
  EXPECT_NE(inner.find("another process is working on this run"), std::string::npos) << inner;
  EXPECT_TRUE(result.capped);
  EXPECT_EQ(result.steps, 1);
  EXPECT_EQ(result.best_epoch, 1) << "a run that is cut short is still validated";
}

TEST_F(ExperimentTest, StopsWhenTheLossIsNotFiniteAndKeepsTheCheckpoint) {
  auto data = testing::wave_data();
  const auto recipe = linear_recipe("train.checkpoint_steps=1");
  auto run = options("run");
  run.forecast_data = data;
  run.should_stop = [steps = 0, data]() mutable {
    if (++steps == 3) std::fill(data->train.values.begin(), data->train.values.end(), NAN);
    return false;
  };
  const auto text = message([&] { run_experiment(recipe, run); });
  EXPECT_TRUE(text.starts_with("epoch ")) << text;  // bad data, not a run that diverged
  EXPECT_EQ(text.substr(text.find(": ")),
            ": input x of the batch has nan; look at the data; the last checkpoint is kept");
  const auto saved = read_checkpoint(folder_ / "run" / "last.safetensors");
  for (const auto& [name, tensor] : saved.model) EXPECT_TRUE(at::isfinite(tensor).all().item<bool>()) << name;
}

TEST_F(ExperimentTest, WeightsThatAreNotFiniteAreNamedAndNoCheckpointIsClaimed) {
  const auto text = message([&] {
    run_experiment(linear_recipe("train.learning_rate=1e38 train.schedule=constant train.weight_decay=1"), options());
  });
  EXPECT_TRUE(text.starts_with(kDiverged)) << text;
  EXPECT_NE(text.find(" of the model has "), std::string::npos) << text;
  EXPECT_EQ(text.find("checkpoint"), std::string::npos) << text;
}

TEST_F(ExperimentTest, OverwriteKeepsTheOldRunUntilTheNewRecipeIsProven) {
  run_experiment(linear_recipe(""), options("run"));
  RunOptions overwrite;
  overwrite.run = folder_ / "run";
  overwrite.overwrite = true;
  EXPECT_NE(message([&] { run_experiment(linear_recipe("task.data=nope"), overwrite); }), "accepted");
  EXPECT_TRUE(fs::exists(folder_ / "run" / "best.safetensors"));
  EXPECT_TRUE(fs::exists(folder_ / "run" / "result.json"));
  overwrite.run = folder_ / "other";
  EXPECT_NE(message([&] { run_experiment(linear_recipe("task.data=nope"), overwrite); }), "accepted");
  EXPECT_FALSE(fs::exists(folder_ / "other")) << "a failed run leaves no empty folder";
}

TEST_F(ExperimentTest, ARecipeOfTheUserIsNotOverwritten) {
  fs::create_directories(folder_ / "own");
  write_file(folder_ / "own" / "recipe.toml", "# mine\n");
  auto own = options("own");
  own.overwrite = true;
  EXPECT_NE(message([&] { run_experiment(linear_recipe(""), own); }).find("is no run directory"), std::string::npos);
  EXPECT_EQ(read_file(folder_ / "own" / "recipe.toml"), "# mine\n");
}

TEST_F(ExperimentTest, LeftoversOfAKilledSaveAreRemoved) {
  fs::create_directories(folder_ / "run");
  for (const auto* name : {"last.safetensors.tmp123", "last.safetensors.tmp12x", "notes.tmp1"})
    write_file(folder_ / "run" / name, "half");
  run_experiment(linear_recipe(""), options("run"));
  EXPECT_FALSE(fs::exists(folder_ / "run" / "last.safetensors.tmp123"));
  EXPECT_TRUE(fs::exists(folder_ / "run" / "last.safetensors.tmp12x"));
  EXPECT_TRUE(fs::exists(folder_ / "run" / "notes.tmp1"));
}

TEST_F(ExperimentTest, ResumeRefusesWhatChangesTheMeaningOfThePosition) {
  run_experiment(linear_recipe(""), options("run"));
  fs::remove(folder_ / "run" / "result.json");
  auto resume = options("run");
  resume.resume = true;
  for (const std::string change :
       {"batch=16", "accumulate=2", "seed=6", "random_channel_drop=on", "extra_losses=false"}) {
    const auto text = message([&] { run_experiment(linear_recipe("train." + change), resume); });
    EXPECT_NE(text.find("is from another run: train." + change.substr(0, change.find('='))), std::string::npos) << text;
  }
}

TEST_F(ExperimentTest, ResumeWithNothingLeftKeepsTheTimeOfAStep) {
  const auto first = run_experiment(linear_recipe(""), options("run"));
  fs::remove(folder_ / "run" / "result.json");
  auto resume = options("run");
  resume.resume = true;
  const auto again = run_experiment(linear_recipe(""), resume);
  EXPECT_EQ(again.steps, first.steps);
  EXPECT_GT(first.seconds_per_step, 0);
  EXPECT_DOUBLE_EQ(again.seconds_per_step, first.seconds_per_step);
}

TEST_F(ExperimentTest, DataWithOtherSeriesThanTheRunAreRefused) {
  run_experiment(linear_recipe(""), options("run"));
  auto wider = testing::wave_data();
  wider->columns = {"a", "b", "c"};
  auto other = options();
  other.forecast_data = wider;
  EXPECT_EQ(
      message([&] { make_task(load_run(folder_ / "run"), other); }),
      "waves: has 3 series with task.features = \"M\"; the run " + (folder_ / "run").string() + " was trained on 2");
}

TEST_F(ExperimentTest, WeightsKnowTheDataThatTheyWereTrainedOn) {
  const auto run = folder_ / "run", best = run / "best.safetensors";
  const auto trained = testing::wave_data(), other = testing::wave_data();
  trained->sha256 = "one";
  other->sha256 = "two";
  auto on_trained = options("run"), on_other = options();
  on_trained.forecast_data = trained;
  on_other.forecast_data = other;
  run_experiment(linear_recipe(""), on_trained);
  const auto loaded = load_run(run);
  EXPECT_EQ(other_data(loaded, *make_task(loaded, on_trained)), "");
  EXPECT_EQ(other_data(loaded, *make_task(loaded, on_other)),
            "these are not the data that " + run.string() + " was trained on: their hash was one, is two");
  const auto weights = read_weights(best);  // as older versions wrote them
  write_tensors(best, weights.tensors, {{"recipe", weights.recipe.dump()}, {"sizes", weights.sizes.dump()}});
  const auto old = load_run(run);
  EXPECT_EQ(other_data(old, *make_task(old, on_other)), "");
}

/// A task to which something happens while it validates.
class DisturbedTask : public Task {
 public:
  DisturbedTask(std::shared_ptr<const Task> task, std::function<void()> disturb)
      : task_(std::move(task)), disturb_(std::move(disturb)) {}
  std::int64_t samples(Split split) const override { return task_->samples(split); }
  void gather(Split split, const std::vector<std::int64_t>& indices, Batch& batch) const override {
    task_->gather(split, indices, batch);
  }
  Loss loss(Module& model, const Batch& batch) const override { return task_->loss(model, batch); }
  Scores evaluate(Module& model, Split split, const EvaluateOptions& options) const override {
    disturb_();
    return task_->evaluate(model, split, options);
  }
  Selection selection() const override { return task_->selection(); }

 private:
  std::shared_ptr<const Task> task_;
  std::function<void()> disturb_;
};

TEST_F(ExperimentTest, SignalDuringValidationEndsItAndAResumedRunValidatesAgain) {
  const auto recipe = linear_recipe("train.epochs=5");
  auto unscored = options();
  unscored.score = false;
  const auto run = run_experiment(recipe, unscored);
  const auto start = copy_of(run.model->state());
  const DisturbedTask signalled(run.task, [] { ::raise(SIGTERM); });
  std::vector<Checkpoint> saved;
  const auto trainer = [&](const Task& task) {
    const auto save = [&](const Checkpoint& c, bool) {
      saved.push_back(c);
      saved.back().model = copy_of(c.model);
      saved.back().optimizer = copy_of(c.optimizer);
    };
    run.model->load(start, "start");
    return std::make_unique<Trainer>(*run.model, as_forecaster(*run.model).random, task, recipe.train, false,
                                     Trainer::Hooks{.log = {}, .save = save, .step = {}, .should_stop = {}});
  };
  RunResult whole, stopped, resumed;
  trainer(*run.task)->run(whole);
  const auto expected = copy_of(run.model->state());
  saved.clear();
  EXPECT_THROW(trainer(signalled)->run(stopped), Interrupted);
  ASSERT_EQ(saved.size(), 1u);
  EXPECT_EQ(saved[0].state.at("epoch"), 0);
  EXPECT_TRUE(saved[0].best.empty());
  const auto checkpoint = saved[0];
  const auto again = trainer(*run.task);
  again->restore(checkpoint, "checkpoint");
  again->run(resumed);
  expect_same(expected, run.model->state());
  ASSERT_EQ(resumed.history.size(), whole.history.size());
  EXPECT_EQ(resumed.history[0].val, whole.history[0].val);
}

TEST_F(ExperimentTest, AValidationThatUsesUpTheTimeIsTheLast) {
  auto unscored = options();
  unscored.score = false;
  const auto recipe = linear_recipe("train.epochs=5 train.max_minutes=0.005");
  const auto run = run_experiment(linear_recipe("train.epochs=1"), unscored);
  int validations = 0;
  const DisturbedTask slow(run.task, [&] {
    ++validations;
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
  });
  Trainer trainer(*run.model, as_forecaster(*run.model).random, slow, recipe.train, false, {});
  RunResult result;
  trainer.run(result);
  EXPECT_EQ(validations, 1);
  EXPECT_EQ(result.stopped, "time cap");
  EXPECT_EQ(result.best_epoch, 1);
}

TEST_F(ExperimentTest, LoaderBegunAfterTheEndHasNoBatch) {
  auto unscored = options();
  unscored.score = false;
  const auto run = run_experiment(linear_recipe("train.epochs=1"), unscored);
  const RandomStream stream{1, 0};
  Loader loader(*run.task, Split::train, 8, stream);
  loader.start(0, loader.batches() + 3);
  EXPECT_EQ(loader.next(), nullptr);
}

TEST_F(ExperimentTest, EarlyStoppingKeepsTheBestWeights) {
  const auto recipe = small_recipe("train.epochs=60 train.patience=2 train.learning_rate=0.2 train.schedule=constant");
  const auto result = run_experiment(recipe, options());
  EXPECT_EQ(result.stopped, "early stop");
  EXPECT_EQ(result.epochs, result.best_epoch + 2);
  for (const auto& record : result.history) EXPECT_GE(record.val.at("mse"), result.val.at("mse"));
  EXPECT_EQ(result.task->evaluate(*result.model, Split::val, {}), result.val);
}

TEST_F(ExperimentTest, AveragedWeightsAreScoredAndKeptAndChangeNoStep) {
  const std::string steps =
      "train.epochs=4 train.learning_rate=0.1 train.schedule=constant train.test_every_epoch=true";
  const auto own = run_experiment(linear_recipe(steps), options());
  const auto averaged = run_experiment(linear_recipe(steps + " train.average=0.9"), options("averaged"));
  ASSERT_EQ(averaged.history.size(), own.history.size());
  for (std::size_t i = 0; i < own.history.size(); ++i) {
    EXPECT_EQ(averaged.history[i].train, own.history[i].train) << i;
    EXPECT_NE(averaged.history[i].val, own.history[i].val) << i;
    EXPECT_NE(averaged.history[i].test, own.history[i].test) << i;
  }
  EXPECT_EQ(averaged.task->evaluate(*averaged.model, Split::val, {}), averaged.val);
  EXPECT_EQ(averaged.history.at(averaged.best_epoch - 1).val, averaged.val);
  expect_same(averaged.model->state(), read_weights(folder_ / "averaged" / "best.safetensors").tensors);
  const auto last = read_checkpoint(folder_ / "averaged" / "last.safetensors");
  EXPECT_FALSE(last.average.empty());
  for (const auto& [name, tensor] : last.average) EXPECT_FALSE(at::equal(tensor, last.model.at(name))) << name;
}

TEST_F(ExperimentTest, KeepLastReturnsTheWeightsOfTheLastEpoch) {
  // A linear model: rounding, which differs between BLAS kernels, must not decide which epoch is the best.
  const auto recipe = linear_recipe("train.epochs=6 train.patience=2 train.learning_rate=0.5 train.schedule=constant");
  const auto best = run_experiment(recipe, options());
  ASSERT_LT(best.best_epoch, 6) << "else best and last epoch are the same";
  auto keep_last = options();
  keep_last.keep_last = true;
  const auto result = run_experiment(recipe, keep_last);
  EXPECT_EQ(result.epochs, 6);
  EXPECT_EQ(result.best_epoch, 6);
  EXPECT_EQ(result.task->evaluate(*result.model, Split::val, {}), result.history.back().val);
}

TEST_F(ExperimentTest, WithoutScoringTheModelHasTheSameWeights) {
  auto unscored = options();
  unscored.score = false;
  const auto result = run_experiment(small_recipe(), unscored);
  const auto scored = run_experiment(small_recipe(), options());
  expect_same(scored.model->state(), result.model->state());
  EXPECT_EQ(result.val, scored.val);
  EXPECT_TRUE(result.test.empty());
}

std::string refusal(const std::string& text, const std::vector<std::string>& overrides) {
  try {
    auto sections = parse_toml(text, "r.toml");
    for (const auto& assignment : overrides) apply_override(sections, assignment);
    resolve_recipe(sections);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Recipe, DefectsNamePlaceKeyAndNearestName) {
  const std::string model = "\n[model]\nname = \"linear\"";
  const auto message = [&](const std::string& text) { return refusal(text + model, {}); };
  EXPECT_EQ(message("[train]\nepoch = 3"), "r.toml:2:1: unknown key train.epoch; did you mean 'epochs'?");
  EXPECT_EQ(message("[train]\nepochs = \"3\"").substr(0, 58),
            "r.toml:2:1: train.epochs is \"3\"; expected integer >= 1");
  EXPECT_EQ(message("[train]\nepochs = 0"), "r.toml:2:1: train.epochs is 0; expected >= 1");
  EXPECT_EQ(message("[train]\nlearning_rate = inf").substr(0, 26), "r.toml:2:1: train.learning");
  EXPECT_EQ(message("[train]\nwarmup_epochs = 2").substr(0, 46), "r.toml:2:1: train.warmup_epochs has no effect ");
  EXPECT_EQ(message("[train]\nwarmup_epochs = 2\nschedule = \"cosine\""), "accepted");
  EXPECT_EQ(message("[train]\nmin_learning_rate = 0.1\nlearning_rate = 0.01\nschedule = \"plateau\""),
            "r.toml:2:1: train.min_learning_rate is 0.1; expected at most train.learning_rate = 0.01");
  EXPECT_EQ(message("[train]\nmin_learning_rate = 0.01\nlearning_rate = 0.01\nschedule = \"cosine\""), "accepted");
  EXPECT_EQ(refusal("[model]\nname = \"samovr\"", {}),
            "r.toml:2:1: model.name: unknown model 'samovr'; did you mean 'samovar'?");
  for (const std::string nameless : {"", "[train]\nepochs = 3", "[model]\nd_model = 8"})
    EXPECT_EQ(refusal(nameless, {}).substr(0, 63), "model.name is missing; expected a forecaster, for example samov");
  EXPECT_EQ(refusal("[task]\ntype = \"sequence\"\ndata = \"mqar\"\n", {}).substr(0, 45),
            "model.name is missing; expected a mixer, for ");
}

TEST(Recipe, DefectsAroundTheModelsNameAreNamed) {
  const std::string forecast = "[model]\nname = \"dlinear\"\n",
                    sequence = "[task]\ntype = \"sequence\"\ndata = \"mqar\"\n[model]\nname = \"attention\"\n";
  EXPECT_EQ(refusal("[model]\nnam = \"conv\"", {}), "r.toml:2:1: unknown key model.nam; did you mean 'name'?");
  EXPECT_EQ(refusal(forecast, {"model.nam=conv"}), "command line: unknown key model.nam; did you mean 'name'?");
  EXPECT_EQ(refusal(sequence, {"model.nam=conv"}), "command line: unknown key model.nam; did you mean 'name'?");
  const auto mixer = refusal(forecast, {"model.name=conv"});
  EXPECT_TRUE(mixer.starts_with("command line: model.name: 'conv' is a mixer, of tasks with task.type = \"sequence\"; "
                                "expected a forecaster: autoformer, ") &&
              mixer.find(", dlinear, ") != std::string::npos)
      << mixer;
  const auto forecaster = refusal(sequence, {"model.name=dlinear"});
  EXPECT_TRUE(
      forecaster.starts_with("command line: model.name: 'dlinear' is a forecaster, and this a task on "
                             "sequences; expected a mixer: attention, "))
      << forecaster;
  EXPECT_EQ(refusal(sequence, {"model.name=gla", "model.mixer.num_head=2"}),
            "command line: unknown key model.mixer.num_head; did you mean 'num_heads'?");
  EXPECT_EQ(refusal(sequence, {"model.name=gla", "model.num_heads=2"}),
            "command line: unknown key model.num_heads; did you mean 'model.mixer.num_heads'?");
  EXPECT_EQ(refusal(sequence, {"model.name=gla", "model.layer=2"}),
            "command line: unknown key model.layer; did you mean 'layers'?");
  EXPECT_EQ(refusal("[model]\nname = \"linear\"\n", {"model.name=dlinear", "model.moving_av=3"}),
            "command line: unknown key model.moving_av; did you mean 'moving_avg'?");
}

TEST(Recipe, GivesTheRunDirectoryItsDocumentedName) {
  const auto name = [](const std::string& overrides) {
    return default_run_directory(linear_recipe(overrides)).string();
  };
  EXPECT_EQ(name(""), "runs/ETTh1-13-3-linear-5");
  EXPECT_EQ(name("task.data=own/sales.csv train.seed=6"), "runs/sales-13-3-linear-6");
  EXPECT_EQ(name("task.type=synthetic-var task.horizon=1"), "runs/synthetic-var-linear-5");
}

TEST(Recipe, FieldsOfAnotherModelThanTheCommandLineNamesAreRefused) {
  const std::string forecast = "[model]\nname = \"dlinear\"\n", fields = "moving_avg = 13\n";
  EXPECT_EQ(
      refusal(forecast + fields, {"model.name=linear"}).substr(0, 107),
      "r.toml:3:1: model.moving_avg is no field of linear, which model.name asks for on the command line; use a co");
  EXPECT_EQ(refusal(forecast, {"model.name=linear", "model.moving_avg=3"}).substr(0, 44),
            "command line: unknown key model.moving_avg; ");
  const std::string sequence =
      "[task]\ntype = \"sequence\"\ndata = \"mqar\"\n[model]\nname = \"attention\"\n[model.mixer]\nheads = 2\n";
  EXPECT_EQ(refusal(sequence, {}), "accepted");
  EXPECT_NE(refusal(sequence, {"model.name=gla"}).find("copy of the recipe whose [model.mixer] has fields of gla"),
            std::string::npos);
}

TEST(GradientAccumulation, IsTheGradientOfTheLargerBatch) {
  const auto data = testing::wave_data(160);  // 81 windows: the last group is smaller
  RunOptions options;
  options.forecast_data = data;
  const std::string base = "train.epochs=1 train.clip=0 ";
  const auto large = run_experiment(linear_recipe(base + "train.batch=27"), options);
  const auto small = run_experiment(linear_recipe(base + "train.batch=9 train.accumulate=3"), options);
  EXPECT_EQ(large.steps, 3);
  EXPECT_EQ(small.steps, 3);
  for (const auto& [name, tensor] : large.model->state())
    EXPECT_LT((tensor - small.model->state().at(name)).abs().max().item<double>(), 1e-6) << name;
}

}  // namespace
}  // namespace longwave
