// Sequence tasks through the one trainer: every goal learns, resumes to the same bits, is saved and loaded.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "longwave/base/atomic_file.h"
#include "longwave/base/check.h"
#include "longwave/models/language_model.h"
#include "longwave/tasks/step_scores.h"
#include "longwave/train/checkpoint.h"
#include "longwave/train/experiment.h"
#include "longwave/train/loaded_run.h"
#include "longwave/train/trainer.h"
#include "tests/support/error_message.h"
#include "tests/support/sequence_recipe.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

using testing::message;

Recipe small_recipe(const std::string& overrides = "") { return testing::small_sequence_recipe(overrides); }

class SequenceExperiment : public ::testing::Test {
 protected:
  SequenceExperiment() : folder_(fs::temp_directory_path() / ("longwave_sequences_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
  }
  ~SequenceExperiment() override { fs::remove_all(folder_); }

  RunOptions options(SequenceGoal goal, const std::string& run = "", std::int64_t train = 70) const {
    RunOptions options;
    if (!run.empty()) options.run = folder_ / run;
    options.sequence_data = testing::tiny_sequences(goal, train);
    return options;
  }

  fs::path folder_;
};

void expect_same(const TensorMap& a, const TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(at::equal(tensor, b.at(name))) << name;
}

class EveryGoal : public SequenceExperiment, public ::testing::WithParamInterface<SequenceGoal> {};

struct Expected {
  std::string score;
  double reached;
};

TEST_P(EveryGoal, IsLearntSavedAndScoredAgain) {
  const auto goal = GetParam();
  const auto expected = goal == SequenceGoal::regress_steps   ? Expected{"error", 0.2}
                        : goal == SequenceGoal::language      ? Expected{"perplexity", 3.0}
                        : goal == SequenceGoal::classify_pair ? Expected{"accuracy", 0.75}
                                                              : Expected{"accuracy", 0.9};
  const auto result = run_experiment(small_recipe("train.epochs=25 model.d_model=24"), options(goal, "run", 160));
  const auto score = result.test.at(expected.score);
  if (expected.score == "accuracy") {
    EXPECT_GE(score, expected.reached);
    EXPECT_LT(result.test.at("accuracy_low"), score);
    EXPECT_GT(result.test.at("accuracy_high"), score - 1e-12);
  } else {
    EXPECT_LE(score, expected.reached);
  }
  EXPECT_GT(result.tokens, 0);
  const auto loaded = load_run(folder_ / "run");
  const auto task = make_task(loaded, options(goal, "", 160));
  EXPECT_EQ(task->evaluate(*loaded.model, Split::test, {}).at(expected.score), score);
}

TEST_P(EveryGoal, KilledAndResumedGivesTheBitsOfAnUninterruptedRun) {
  const auto goal = GetParam();
  for (const std::string more : {"", "train.steps=13 train.eval_steps=5 train.accumulate=2"}) {
    const auto recipe = small_recipe("train.checkpoint_steps=2 " + more);
    const auto name = "killed" + std::to_string(more.size());
    const auto child = ::fork();
    if (child == 0) {
      auto killed = options(goal, name);
      killed.should_stop = [steps = 0]() mutable {
        if (++steps == 7) ::raise(SIGKILL);
        return false;
      };
      run_experiment(recipe, killed);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto last = folder_ / name / "last.safetensors";
    auto saved = read_checkpoint(last);
    ASSERT_EQ(saved.recipe.at("model").erase("tied_dropout"), 1u);  // as a version without this field wrote it
    write_checkpoint(last, saved);
    auto again = options(goal, name);
    again.resume = true;
    const auto resumed = run_experiment(recipe, again);
    const auto whole = run_experiment(recipe, options(goal));
    expect_same(whole.model->state(), resumed.model->state());
    EXPECT_EQ(whole.test, resumed.test);
    EXPECT_EQ(whole.steps, resumed.steps);
    EXPECT_EQ(whole.tokens, resumed.tokens);
    EXPECT_EQ(whole.steps, more.empty() ? resumed.steps : 13);
  }
}

/// Sends this process one SIGTERM when the first sample of a split is read.
class SignallingSequences final : public testing::TinySequences {
 public:
  SignallingSequences(SequenceGoal goal, Split split) : TinySequences(goal), split_(split) {}
  void example(Split split, std::int64_t index, SequenceExample& out) const override {
    if (split == split_ && !sent_.test_and_set()) ::raise(SIGTERM);
    TinySequences::example(split, index, out);
  }

 private:
  Split split_;
  mutable std::atomic_flag sent_;
};

TEST_F(SequenceExperiment, ASignalEndsAnEvaluationBehindItsBatchAndTheRunResumes) {
  const auto goal = SequenceGoal::classify;
  for (const std::string batch : {"8", "1000"}) {  // 1000: the signal comes in the last batch of the split
    const auto recipe = small_recipe("train.eval_batch=" + batch);
    const auto whole = run_experiment(recipe, options(goal));
    for (const auto split : {Split::val, Split::test}) {
      const auto name = name_of(split) + batch;
      auto stopped = options(goal, name);
      stopped.sequence_data = std::make_shared<const SignallingSequences>(goal, split);
      EXPECT_THROW(run_experiment(recipe, stopped), Interrupted) << name;
      EXPECT_FALSE(fs::exists(folder_ / name / "result.json"));
      auto again = options(goal, name);
      again.resume = true;
      const auto resumed = run_experiment(recipe, again);
      expect_same(whole.model->state(), resumed.model->state());
      EXPECT_EQ(whole.test, resumed.test);
      ASSERT_EQ(whole.history.size(), resumed.history.size());
      EXPECT_EQ(whole.history[0].val, resumed.history[0].val);
    }
  }
}

std::string goal_name(const ::testing::TestParamInfo<SequenceGoal>& info) {
  constexpr const char* kNames[] = {"classify", "classify_pair", "classify_steps", "regress_steps", "language"};
  return kNames[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Goals, EveryGoal,
                         ::testing::Values(SequenceGoal::classify, SequenceGoal::classify_pair,
                                           SequenceGoal::classify_steps, SequenceGoal::regress_steps,
                                           SequenceGoal::language),
                         goal_name);

TEST_F(SequenceExperiment, ScoresOfOneLengthTogetherMakeTheWhole) {
  const auto goal = SequenceGoal::classify_steps;
  const auto run = run_experiment(small_recipe(), options(goal));
  double right = 0, scored = 0, parts = 0;
  SequenceExample example;
  const auto data = testing::tiny_sequences(goal);
  std::map<std::int64_t, double> steps;
  for (std::int64_t i = 0; i < data->samples(Split::test); ++i) {
    const auto t = data->length(Split::test, i);
    steps[t] += static_cast<double>(t - 1);
  }
  for (const auto& [length, count] : steps) {
    const auto name = "accuracy@" + std::to_string(length);
    ASSERT_TRUE(run.test.contains(name)) << name;
    right += run.test.at(name) * count, scored += count, ++parts;
  }
  EXPECT_GT(parts, 3);
  EXPECT_NEAR(run.test.at("accuracy"), right / scored, 1e-12);
}

/// Samples in three groups by their number; moves are the scored steps, and those to tokens 1 and 2 are legal.
class GroupedSequences final : public testing::TinySequences {
 public:
  explicit GroupedSequences(std::int64_t train) : TinySequences(SequenceGoal::classify_steps, train) {
    facts_.group = "remainder";
  }
  std::int64_t group(Split, std::int64_t index) const override { return index % 3; }
  Moves moves(const SequenceExample& sample, const std::vector<std::int32_t>& predicted) const override {
    Moves moves;
    for (std::size_t i = 0; i < sample.targets.size(); ++i)
      if (sample.targets[i] != kIgnoredTarget) ++moves.made, moves.legal += predicted[i] == 1 || predicted[i] == 2;
    return moves;
  }
};

TEST_F(SequenceExperiment, GroupsOfTheSetAreScoredApartInsteadOfLengths) {
  auto with_groups = options(SequenceGoal::classify_steps);
  const auto data = std::make_shared<const GroupedSequences>(70);
  with_groups.sequence_data = data;
  const auto run = run_experiment(small_recipe("pass.metric=accuracy@2 pass.at_least=0.0"), with_groups);
  EXPECT_EQ(run.about.at("group"), "remainder");
  EXPECT_EQ(run.verdict, "pass");
  double right = 0, scored = 0;
  for (std::int64_t group = 0; group < 3; ++group) {
    double steps = 0;
    for (auto i = group; i < data->samples(Split::test); i += 3)
      steps += static_cast<double>(data->length(Split::test, i) - 1);
    right += run.test.at("accuracy@" + std::to_string(group)) * steps, scored += steps;
  }
  EXPECT_NEAR(run.test.at("accuracy"), right / scored, 1e-12);
  EXPECT_FALSE(run.test.contains("accuracy@3")) << "a length";
  EXPECT_FALSE(run.val.contains("accuracy@2")) << "validation has no details";
}

TEST_F(SequenceExperiment, LegalMovesAreCountedFromWhatTheModelPredicts) {
  auto moving = options(SequenceGoal::classify_steps);
  const auto data = std::make_shared<const GroupedSequences>(160);
  moving.sequence_data = data;
  const auto run = run_experiment(small_recipe("train.epochs=25 model.d_model=24"), moving);
  double legal = 0, made = 0;  // of a model that is right
  for (std::int64_t i = 0; i < data->samples(Split::test); ++i) {
    SequenceExample sample;
    data->example(Split::test, i, sample);
    const auto moves = data->moves(sample, sample.targets);
    made += static_cast<double>(moves.made), legal += static_cast<double>(moves.legal);
  }
  EXPECT_NEAR(run.test.at("legal_moves"), legal / made, 1.0001 - run.test.at("accuracy"));
  EXPECT_GT(run.test.at("accuracy"), 0.9);
  EXPECT_FALSE(run_experiment(small_recipe("train.epochs=1"), options(SequenceGoal::classify_steps))
                   .test.contains("legal_moves"));
}

TEST_F(SequenceExperiment, ScoresDoNotDependOnTheBatch) {
  const auto run = run_experiment(small_recipe(), options(SequenceGoal::classify_pair));
  for (const std::int64_t batch : {1, 7, 64})
    EXPECT_NEAR(run.task->evaluate(*run.model, Split::test, {.batch = batch}).at("loss"), run.test.at("loss"), 1e-5);
}

TEST_F(SequenceExperiment, ALoadedLanguageRunGivesModelAndTokenNames) {
  run_experiment(small_recipe("train.epochs=1"), options(SequenceGoal::language, "language"));
  const auto run = language_run(load_run(folder_ / "language"));
  EXPECT_EQ(run.token_names, (std::vector<std::string>{"_", "a", "b", "c", "d", "?"}));
  EXPECT_EQ(run.model->forward(at::zeros({1, 3}, at::kLong)).size(2), 6);
  run_experiment(small_recipe("train.epochs=1"), options(SequenceGoal::classify, "classes"));
  EXPECT_NE(message([&] { language_run(load_run(folder_ / "classes")); }).find("not of a language model"),
            std::string::npos);
}

TEST_F(SequenceExperiment, PassOrFailIsPartOfTheResult) {
  auto passing = small_recipe("pass.metric=accuracy pass.at_least=0.01");
  EXPECT_EQ(run_experiment(passing, options(SequenceGoal::classify, "run")).verdict, "pass");
  EXPECT_EQ(Json::parse(read_file(folder_ / "run" / "result.json")).at("verdict"), "pass");
  auto failing = small_recipe("pass.metric=loss pass.at_most=0.0001");
  EXPECT_EQ(run_experiment(failing, options(SequenceGoal::classify)).verdict, "fail");
  auto one_of_two = small_recipe("pass.metric=[\"accuracy\",\"accuracy_low\"] pass.at_least=[0.01,1.0]");
  EXPECT_EQ(run_experiment(one_of_two, options(SequenceGoal::classify)).verdict, "fail") << "all must pass";
  auto unknown = small_recipe("pass.metric=acuracy pass.at_least=0.1");
  EXPECT_NE(message([&] { run_experiment(unknown, options(SequenceGoal::classify, "typo")); }).find("accuracy"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "typo" / "best.safetensors")) << "told at the first validation";
}

TEST_F(SequenceExperiment, TheBestAccuracyIsKeptNotTheLowest) {
  const auto run =
      run_experiment(small_recipe("train.epochs=8 train.learning_rate=0.03"), options(SequenceGoal::classify));
  for (const auto& epoch : run.history) EXPECT_GE(run.val.at("accuracy"), epoch.val.at("accuracy"));
  EXPECT_GT(run.val.at("accuracy"), run.history.front().val.at("accuracy"));
}

TEST_F(SequenceExperiment, ARunThatDivergesInItsLastStepIsToldAlthoughItsAccuracyIsANumber) {
  const auto recipe =
      small_recipe("train.epochs=1 train.schedule=constant train.warmup_steps=0 train.learning_rate=1e37");
  const auto text = message([&] { run_experiment(recipe, options(SequenceGoal::classify, "", 8)); });
  EXPECT_TRUE(text.starts_with(kDiverged)) << text;
  EXPECT_NE(text.find("the validation loss"), std::string::npos) << text;
}

TEST_F(SequenceExperiment, FreshSamplesAreMadeForEveryStep) {
  auto sections = parse_toml(
      "[task]\ntype = \"sequence\"\ndata = \"copying\"\nfresh = true\n[data]\nnoise = 5\nmemorize = 2\nalphabet = 5\n"
      "val_samples = 9\ntest_samples = 9\n[model]\nname = \"mingru\"\nd_model = 8\nlayers = 1\n"
      "[train]\nsteps = 7\nbatch = 4\naccumulate = 2\nthreads = 1\n",
      "test");
  const auto run = run_experiment(resolve_recipe(sections));
  EXPECT_EQ(run.task->samples(Split::train), 7 * 4 * 2);
  EXPECT_EQ(run.steps, 7);
  EXPECT_EQ(run.tokens, 7 * 4 * 2 * 9);
}

TEST_F(SequenceExperiment, AccumulatedBatchesCountByTheStepsThatTheyScore) {
  const auto weights = [](const std::string& batches) {
    auto sections = parse_toml(
        "[task]\ntype = \"sequence\"\ndata = \"maze-dfs\"\nbucket = false\n[data]\n"
        "train_samples = 14\nval_samples = 4\ntest_samples = 4\n[model]\nname = \"mingru\"\n"
        "d_model = 8\nlayers = 1\n[train]\nepochs = 1\nclip = 0.5\nthreads = 1\n" +
            batches,
        "test");
    return run_experiment(resolve_recipe(sections)).model->state();
  };
  const auto one = weights("batch = 6\n"), three = weights("batch = 2\naccumulate = 3\n");  // the last group is smaller
  for (const auto& [name, tensor] : one) EXPECT_LT((tensor - three.at(name)).abs().max().item<double>(), 1e-6) << name;
}

/// With weights that do not move it is one number, however the samples are cut into batches.
TEST_F(SequenceExperiment, TheTrainingLossOfAnEpochIsTheMeanOverTheScoredSteps) {
  const auto loss = [](const std::string& batches) {
    auto sections = parse_toml(
        "[task]\ntype = \"sequence\"\ndata = \"maze-dfs\"\nbucket = false\n[data]\n"
        "train_samples = 14\nval_samples = 4\ntest_samples = 4\n[model]\nname = \"mingru\"\n"
        "d_model = 8\nlayers = 1\n[train]\nepochs = 1\nlearning_rate = 1e-30\nthreads = 1\n" +
            batches,
        "test");
    const auto run = run_experiment(resolve_recipe(sections));
    const auto& train = run.history.at(0).train;
    EXPECT_EQ(train.at("loss"), train.at("cross_entropy"));
    return train.at("loss");
  };
  const auto whole = loss("batch = 14\n");
  for (const std::string batches : {"batch = 6\n", "batch = 1\n", "batch = 2\naccumulate = 3\n"})
    EXPECT_NEAR(loss(batches), whole, 1e-5) << batches;
}

class EveryProtocol : public SequenceExperiment,
                      public ::testing::WithParamInterface<std::tuple<std::string, SequenceGoal>> {};

TEST_P(EveryProtocol, PretrainsResumesAndChargesTheCost) {
  const auto [protocol, goal] = GetParam();
  const auto recipe = small_recipe("train.checkpoint_steps=2 pretrain.epochs=3 train.protocol=" + protocol);
  const auto whole = run_experiment(recipe, options(goal));
  const auto& about = whole.about;
  EXPECT_GT(about.at("pretraining").at("tokens").get<double>(), whole.tokens);
  EXPECT_DOUBLE_EQ(about.at("total").at("tokens").get<double>(),
                   whole.tokens + about.at("pretraining").at("tokens").get<double>());
  EXPECT_GT(whole.total_seconds(), whole.train_seconds);
  EXPECT_GT(about.at("cost").at("tokens_per_second").get<double>(), 0);
  const auto scratch = run_experiment(small_recipe(), options(goal));
  EXPECT_NE(scratch.test.at("loss"), whole.test.at("loss"));

  // Killed in either phase, resumed to the same bits.
  for (const int stop : {5, 31}) {
    const auto name = "killed" + std::to_string(stop);
    const auto child = ::fork();
    if (child == 0) {
      auto killed = options(goal, name);
      killed.should_stop = [steps = std::make_shared<int>(0), stop] {  // counts through both phases
        if (++*steps == stop) ::raise(SIGKILL);
        return false;
      };
      run_experiment(recipe, killed);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(fs::exists(folder_ / name / "pretrain" / "result.json"), stop == 31);
    EXPECT_TRUE(fs::exists(folder_ / name / "recipe.toml")) << "--resume needs no other one";
    auto again = options(goal, name);
    again.resume = true;
    const auto resumed = run_experiment(recipe, again);
    expect_same(whole.model->state(), resumed.model->state());
    EXPECT_EQ(whole.test, resumed.test);
    EXPECT_EQ(whole.about.at("total").at("tokens"), resumed.about.at("total").at("tokens"));
    const auto phase = Json::parse(read_file(folder_ / name / "pretrain" / "result.json"));
    EXPECT_GT(phase["about"]["total"]["flops"].get<double>(), 0);
    EXPECT_FALSE(phase["about"]["cost"].contains("tokens_per_second")) << "nobody uses this model but the second phase";
  }
}

INSTANTIATE_TEST_SUITE_P(Protocols, EveryProtocol,
                         ::testing::Combine(::testing::Values("masked", "causal"),
                                            ::testing::Values(SequenceGoal::classify, SequenceGoal::classify_steps)));

TEST_F(SequenceExperiment, PairsAndNumbersArePretrainedToo) {
  for (const auto goal : {SequenceGoal::classify_pair, SequenceGoal::regress_steps})
    for (const std::string more : {"train.protocol=masked", "train.protocol=causal"}) {
      const auto result = run_experiment(small_recipe("train.epochs=1 " + more), options(goal));
      EXPECT_GT(result.about.at("pretraining").at("steps").get<double>(), 0) << more;
    }
  EXPECT_NE(message([&] {
              run_experiment(small_recipe("train.protocol=masked"), options(SequenceGoal::language));
            }).find("its own tokens"),
            std::string::npos);
  EXPECT_NE(message([&] {
              run_experiment(small_recipe("train.protocol=causal model.bidirectional=true"),
                             options(SequenceGoal::classify));
            }).find("is not causal"),
            std::string::npos);
}

TEST_F(SequenceExperiment, SettingsWithoutEffectAreRefused) {
  const auto refused = [&](SequenceGoal goal, const std::string& setting, bool strict = true) {
    auto run = options(goal);
    run.strict = strict;
    const auto text = message([&] { check_experiment(small_recipe("task.context=256 " + setting), run); });
    return text.find(setting.substr(0, setting.find('='))) == 0 && text.find(" has no effect on ") != std::string::npos;
  };
  for (const std::string of_language : {"model.cutoffs=[3]", "model.division=2", "model.tied=false",
                                        "task.evaluation=whole", "task.context=8", "task.stride=8"}) {
    for (const auto goal : {SequenceGoal::classify, SequenceGoal::classify_pair, SequenceGoal::regress_steps})
      EXPECT_TRUE(refused(goal, of_language)) << of_language;
    EXPECT_FALSE(refused(SequenceGoal::classify, of_language, false)) << of_language;
    EXPECT_FALSE(refused(SequenceGoal::language, of_language)) << of_language;
  }
  for (const auto goal : {SequenceGoal::classify_steps, SequenceGoal::language}) {
    EXPECT_TRUE(refused(goal, "model.pool=max"));
    EXPECT_FALSE(refused(goal, "model.pool=mean")) << "the default";
  }
  EXPECT_TRUE(refused(SequenceGoal::classify, "model.pair_head=nli"));
  EXPECT_FALSE(refused(SequenceGoal::classify_pair, "model.pair_head=nli"));
}

/// Steps at which a run tells that it is stuck.
std::vector<std::int64_t> stuck_notes(const std::string& settings, bool random_labels, RunOptions run = {}) {
  std::vector<std::int64_t> steps;
  run.sequence_data =
      std::make_shared<const testing::TinySequences>(SequenceGoal::classify, 2400, false, random_labels);
  run.log = [&](const Json& entry) {
    if (entry.at("kind") == "note") steps.push_back(entry.at("step"));
  };
  run_experiment(small_recipe("train.learning_rate=0.003 train.epochs=1 " + settings), run);
  return steps;
}

TEST_F(SequenceExperiment, AModelThatStaysAtChanceIsTold) {
  using Steps = std::vector<std::int64_t>;
  EXPECT_EQ(stuck_notes("train.stuck_steps=250", true), Steps{250});
  EXPECT_EQ(stuck_notes("train.stuck_steps=250", false), Steps()) << "one that learns is left alone";
  EXPECT_EQ(stuck_notes("train.steps=600", true), Steps{120}) << "a fifth of a shorter run";
  EXPECT_EQ(stuck_notes("train.steps=90", true), Steps()) << "too early to tell";
  EXPECT_EQ(stuck_notes("train.stuck_steps=0", true), Steps());
  EXPECT_EQ(stuck_notes("train.stuck_steps=50 train.steps=60 train.learning_rate=1", true), Steps{50})
      << "far worse than guessing";
}

TEST_F(SequenceExperiment, AResumedRunDoesNotTellAgainThatItIsStuck) {
  const std::string settings = "train.stuck_steps=20 train.steps=40 train.log_steps=1";
  auto run = options(SequenceGoal::classify, "run");
  run.should_stop = [steps = 0]() mutable { return ++steps == 30; };
  EXPECT_EQ(stuck_notes(settings, true, run).size(), 1u);
  fs::remove(folder_ / "run" / "result.json");
  run.should_stop = {};
  run.resume = true;
  EXPECT_TRUE(stuck_notes(settings, true, run).empty());
}

TEST_F(SequenceExperiment, ResumesOnTheSameDataAlone) {
  struct Hashed : testing::TinySequences {
    explicit Hashed(const std::string& hash) : TinySequences(SequenceGoal::classify) { facts_.content_hash = hash; }
  };
  auto run = options(SequenceGoal::classify, "run");
  run.sequence_data = std::make_shared<const Hashed>("one");
  run.should_stop = [] { return true; };
  run_experiment(small_recipe(), run);
  fs::remove(folder_ / "run" / "result.json");
  run.resume = true;
  run.sequence_data = std::make_shared<const Hashed>("two");
  EXPECT_NE(message([&] { run_experiment(small_recipe(), run); }).find("(their hash was one, is two)"),
            std::string::npos);
  run.sequence_data = std::make_shared<const Hashed>("one");
  EXPECT_EQ(message([&] { run_experiment(small_recipe(), run); }), "accepted");
}

TEST_F(SequenceExperiment, AResumedRunKeepsItsRounds) {
  const auto recipe = [](const std::string& steps) {
    return small_recipe("train.checkpoint_steps=2 train.steps=" + steps);
  };
  auto cut = options(SequenceGoal::classify, "run");
  cut.should_stop = [steps = 0]() mutable -> bool { return ++steps == 7 ? throw std::runtime_error("cut") : false; };
  EXPECT_THROW(run_experiment(recipe("40"), cut), std::runtime_error);
  auto again = options(SequenceGoal::classify, "run");
  again.resume = true;
  EXPECT_NE(message([&] { run_experiment(recipe("80"), again); }).find("4 steps between validations"),
            std::string::npos)
      << message([&] { run_experiment(recipe("80"), again); });
  auto fewer = again;
  fewer.sequence_data = testing::tiny_sequences(SequenceGoal::classify, 40);
  EXPECT_NE(message([&] { run_experiment(recipe("40"), fewer); }).find("70 training samples"), std::string::npos);
  EXPECT_EQ(run_experiment(recipe("40"), again).steps, 40);
}

TEST_F(SequenceExperiment, WhatCannotBeTrainedOrScoredIsToldBeforeAnythingIsWritten) {
  const auto refusal = [&](const std::string& overrides, SequenceGoal goal, std::int64_t train = 70) {
    const auto text = message([&] { run_experiment(small_recipe(overrides), options(goal, "refused", train)); });
    EXPECT_FALSE(fs::exists(folder_ / "refused")) << text;
    return text;
  };
  EXPECT_NE(refusal("", SequenceGoal::classify, 0).find("nothing to train on"), std::string::npos);
  EXPECT_NE(refusal("model.name=hyena task.evaluation=stream", SequenceGoal::language).find("does not stream"),
            std::string::npos);
  EXPECT_NE(refusal("model.positions=learned task.evaluation=whole", SequenceGoal::language).find("model.positions"),
            std::string::npos);
  EXPECT_NE(refusal("train.protocol=causal model.bidirectional=true", SequenceGoal::classify).find("not causal"),
            std::string::npos);
}

TEST_F(SequenceExperiment, DroppedLastBatchIsTheEndOfTheSplit) {
  const auto run = run_experiment(small_recipe("train.epochs=1"), options(SequenceGoal::classify));
  // 33 samples, which are scored by length: with batches of 32 the one that lies last falls away, not the longest.
  const auto dropped = run.task->evaluate(*run.model, Split::test, {.batch = 32, .drop_last = true}).at("loss");
  run.model->eval();
  Batch last;
  run.task->gather(Split::test, {32}, last);
  const auto loss = run.task->loss(*run.model, last).total.item<double>();
  EXPECT_NEAR(33 * run.test.at("loss") - 32 * dropped, loss, 1e-4);
}

TEST_F(SequenceExperiment, OtherDataThanTheRunAreRefused) {
  run_experiment(small_recipe("train.epochs=1"), options(SequenceGoal::classify, "run"));
  EXPECT_NE(message([&] {
              make_task(load_run(folder_ / "run"), options(SequenceGoal::classify_steps));
            }).find("was trained on"),
            std::string::npos);
  auto run = load_run(folder_ / "run");
  run.sizes["token_names"][2] = "z";
  run.sizes["token_names"][4] = "y";
  EXPECT_EQ(message([&] { make_task(run, options(SequenceGoal::classify)); }),
            "token 2 of the data set copying is 'b'; the run " + (folder_ / "run").string() +
                " was trained with 'z' there; expected the same vocabulary, so the same files and [data] settings");
}

TEST(SequenceRecipe, IsWrittenOutInFullAndReadBack) {
  const auto recipe =
      small_recipe("model.mixer.expansion_factor=2 pass.metric=accuracy pass.at_least=0.5 data.noise=7");
  const auto json = recipe_json(recipe);
  EXPECT_EQ(json.at("data").at("noise"), 7);
  EXPECT_EQ(json.at("model.channel_mixer").at("activation"), "gelu");
  const auto again = resolve_recipe(parse_toml(to_toml(json), "again"));
  EXPECT_EQ(recipe_json(again), json);
}

TEST(SequenceRecipe, GivesTheRunDirectoryItsDocumentedName) {
  const auto name = [](const std::string& overrides) {
    return default_run_directory(small_recipe(overrides)).string();
  };
  EXPECT_EQ(name(""), "runs/copying-mingru-5");
  EXPECT_EQ(name("train.protocol=masked"), "runs/copying-mingru-masked-5");
}

TEST(SequenceRecipe, MistakesAreNamed) {
  const auto refusal = [](const std::string& overrides) { return message([&] { small_recipe(overrides); }); };
  EXPECT_NE(refusal("task.data=copyin").find("did you mean 'copying'"), std::string::npos)
      << refusal("task.data=copyin");
  EXPECT_NE(refusal("model.name=mingro").find("model.name"), std::string::npos);
  EXPECT_NE(refusal("model.mixer.expansion_fator=2").find("unknown key model.mixer.expansion_fator"),
            std::string::npos);
  EXPECT_NE(refusal("data.noize=2").find("unknown key data.noize"), std::string::npos);
  EXPECT_NE(refusal("task.horizon=3").find("unknown key task.horizon"), std::string::npos);
  EXPECT_NE(refusal("model.channel=none model.channel_mixer.hidden=8").find("has no effect"), std::string::npos);
  EXPECT_NE(refusal("train.eval_steps=3").find("has no effect without train.steps"), std::string::npos);
  EXPECT_NE(refusal("train.warmup_steps=3").find("has no effect"), std::string::npos) << "the schedule is onecycle";
  EXPECT_NE(refusal("task.fresh=true").find("needs train.steps"), std::string::npos);
  EXPECT_NE(refusal("task.fresh=true train.steps=9 task.data=smnist").find("smnist is none"), std::string::npos);
  EXPECT_NE(refusal("task.fresh=true train.steps=9 train.protocol=masked pretrain.epochs=2").find("pretrain.steps"),
            std::string::npos);
  EXPECT_NE(refusal("train.clip=inf").find("train.clip is inf"), std::string::npos) << refusal("train.clip=inf");
  EXPECT_NE(refusal("train.protocol=maskt").find("one of scratch, masked, causal"), std::string::npos);
  EXPECT_NE(refusal("pretrain.protocol=masked").find("has no meaning"), std::string::npos);
  EXPECT_NE(refusal("pass.metric=accuracy").find("one of at_least and at_most"), std::string::npos);
  EXPECT_NE(refusal("pass.metrik=accuracy").find("unknown key pass.metrik"), std::string::npos);
  EXPECT_NE(refusal("pass.metric=[\"accuracy\",\"loss\"] pass.at_least=0.5").find("has 1 limits for 2 metrics"),
            std::string::npos);
}

}  // namespace
}  // namespace longwave
