// Training that starts from the weights of another run.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "longwave/train/experiment.h"
#include "longwave/train/loaded_run.h"
#include "longwave/train/subject.h"
#include "tests/support/error_message.h"
#include "tests/support/sequence_recipe.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

using testing::message;

class StartFrom : public ::testing::Test {
 protected:
  StartFrom() : folder_(fs::temp_directory_path() / ("longwave_start_from_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    run_experiment(recipe(), options(SequenceGoal::classify, "first"));
  }
  ~StartFrom() override { fs::remove_all(folder_); }

  std::string first() const { return (folder_ / "first").string(); }

  Recipe recipe(const std::string& overrides = "") const { return testing::small_sequence_recipe(overrides); }
  Recipe from_first(const std::string& overrides = "") const {
    return recipe("train.start_from=\"" + first() + "\" " + overrides);
  }

  RunOptions options(SequenceGoal goal, const std::string& run = "") const {
    RunOptions options;
    if (!run.empty()) options.run = folder_ / run;
    options.sequence_data = testing::tiny_sequences(goal, 70);
    return options;
  }

  fs::path folder_;
};

TEST_F(StartFrom, GoesOnFromTheWeightsAndIsChargedForThem) {
  const auto trained = load_run(first()).model->state();
  const auto after =
      run_experiment(from_first("train.seed=6 train.learning_rate=1e-9"), options(SequenceGoal::classify));
  for (const auto& [name, tensor] : after.model->state())
    EXPECT_TRUE(at::allclose(tensor, trained.at(name), 1e-4, 1e-5)) << name;
  const auto alone = run_experiment(recipe("train.seed=6"), options(SequenceGoal::classify));
  for (const auto* cost : {"steps", "tokens", "flops"})
    EXPECT_DOUBLE_EQ(after.about.at("total").at(cost).get<double>(), 2 * alone.about.at("total").at(cost).get<double>())
        << cost;
  EXPECT_EQ(after.about.at("help").at("pretraining"), "weights of " + first());
}

TEST_F(StartFrom, AFileOfWeightsIsAsGood) {
  const auto by_folder = run_experiment(from_first(), options(SequenceGoal::classify));
  const auto by_file =
      run_experiment(recipe("train.start_from=\"" + first() + "/best.safetensors\""), options(SequenceGoal::classify));
  EXPECT_EQ(by_folder.val, by_file.val);
}

TEST_F(StartFrom, WhatHasAnotherShapeIsNew) {
  const auto wanted = from_first();
  const auto other = options(SequenceGoal::classify_steps);
  const auto subject = open_subject(wanted, other);
  const auto model = build_model(wanted, subject.sizes).module;
  const auto fresh = model->state();
  const auto run = load_run(first());
  const auto start = start_weights(run, *model, subject.sizes);
  ASSERT_FALSE(start.fresh.empty());
  for (const auto& [name, tensor] : start.weights) {
    const bool is_new = std::find(start.fresh.begin(), start.fresh.end(), name) != start.fresh.end();
    EXPECT_EQ(is_new, name.starts_with("decoder.")) << name;
    EXPECT_TRUE(at::equal(tensor, is_new ? fresh.at(name) : run.model->state().at(name))) << name;
  }
  EXPECT_NE(start.text().find("; new: decoder."), std::string::npos) << start.text();
  EXPECT_EQ(run_experiment(wanted, other).about.at("start"), start.text());
}

TEST_F(StartFrom, WhatCannotBeIsRefusedInOneLine) {
  const auto said = [&](const std::string& overrides) {
    return message([&] { run_experiment(recipe(overrides), options(SequenceGoal::classify, "second")); });
  };
  EXPECT_NE(said("train.start_from=nowhere").find("nowhere: there is no such folder"), std::string::npos);
  EXPECT_NE(said("train.protocol=masked train.start_from=\"" + first() + "\"").find("expected one of them"),
            std::string::npos);
  EXPECT_NE(said("pretrain.start_from=x").find("pretrain.start_from has no meaning"), std::string::npos);
  EXPECT_NE(said("model.d_model=24 train.start_from=\"" + first() + "\"").find("at least half"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "second")) << "a mistake leaves no folder";
}

TEST_F(StartFrom, AnotherVocabularyIsRefused) {
  const auto wanted = from_first();
  auto run = load_run(first());
  const auto subject = open_subject(wanted, options(SequenceGoal::classify));
  const auto model = build_model(wanted, subject.sizes).module;
  ASSERT_FALSE(run.sizes.at("token_names").empty());
  run.sizes["token_names"][1] = "another";
  EXPECT_NE(message([&] { start_weights(run, *model, subject.sizes); }).find("another vocabulary"), std::string::npos);
}

TEST_F(StartFrom, IsPartOfWhatAResumedRunMustShare) {
  auto stopped = options(SequenceGoal::classify, "second");
  stopped.should_stop = [] { return true; };
  run_experiment(from_first(), stopped);
  fs::remove(folder_ / "second" / "result.json");
  auto resumed = options(SequenceGoal::classify, "second");
  resumed.resume = true;
  EXPECT_NE(message([&] { run_experiment(recipe(), resumed); }).find("train.start_from was"), std::string::npos);
  EXPECT_EQ(message([&] { run_experiment(from_first(), resumed); }), "accepted");
}

TEST_F(StartFrom, WeightsCopiedIntoAnotherRunsFolderAreRefused) {
  run_experiment(recipe("model.d_model=8"), options(SequenceGoal::classify, "second"));
  fs::copy_file(folder_ / "first" / "best.safetensors", folder_ / "second" / "best.safetensors",
                fs::copy_options::overwrite_existing);
  EXPECT_NE(message([&] { load_run(folder_ / "second"); }).find("is of another run: its model is"), std::string::npos);
  EXPECT_EQ(message([&] { load_run(folder_ / "second" / "best.safetensors"); }), "accepted");
}

}  // namespace
}  // namespace longwave
