#include "longwave/train/flop_budget.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "longwave/base/interrupt.h"
#include "longwave/io/toml.h"
#include "tests/support/sequence_recipe.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

RunOptions tiny() {
  RunOptions options;
  options.sequence_data = testing::tiny_sequences(SequenceGoal::classify, 70);
  return options;
}

std::string message(const std::string& overrides) {
  try {
    testing::small_sequence_recipe(overrides);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

TEST(FlopBudget, TheTrainingCostsWhatIsAsked) {
  for (const std::string model : {"mingru", "mamba"}) {
    const auto recipe = testing::small_sequence_recipe("train.flops=2e7 model.name=" + model);
    const auto result = run_experiment(recipe, tiny());
    EXPECT_NEAR(result.about.at("total").at("flops").get<double>(), 2e7, 2e6) << model;
    EXPECT_EQ(result.steps, with_affordable_steps(recipe, tiny()).train.steps);
  }
}

TEST(FlopBudget, TwiceTheBudgetIsTwiceTheSteps) {
  const auto steps = [](const std::string& overrides) {
    return with_affordable_steps(testing::small_sequence_recipe(overrides), tiny()).train.steps;
  };
  const auto once = steps("train.flops=4e7");
  EXPECT_GT(once, 10);
  EXPECT_NEAR(static_cast<double>(steps("train.flops=8e7")), static_cast<double>(2 * once), 1);
  EXPECT_NEAR(static_cast<double>(steps("train.flops=4e7 train.accumulate=2")), static_cast<double>(once) / 2, 1);
  EXPECT_EQ(steps("train.flops=1"), 1) << "never none";
  EXPECT_EQ(steps("train.steps=7"), 7) << "without a budget";
  EXPECT_EQ(steps("train.steps=7 train.flops=4e7"), once) << "the budget decides";
}

TEST(FlopBudget, FreshSamplesAreAsManyAsTheStepsTake) {
  auto sections = parse_toml(
      "[task]\ntype = \"sequence\"\ndata = \"copying\"\nfresh = true\n[data]\nnoise = 4\nmemorize = 2\nalphabet = 5\n"
      "val_samples = 20\ntest_samples = 20\n[model]\nname = \"mingru\"\nd_model = 8\nlayers = 1\n[train]\nflops = 1e7\n"
      "batch = 4\nthreads = 1\npatience = 0\n",
      "test");
  const auto recipe = resolve_recipe(sections);
  const auto result = run_experiment(recipe, {});
  EXPECT_GT(result.steps, 10);
  EXPECT_EQ(result.task->samples(Split::train), 4 * result.steps);
  EXPECT_NEAR(result.about.at("total").at("flops").get<double>(), 1e7, 5e5);
}

TEST(FlopBudget, ARunIsResumedWithItsSteps) {
  const auto folder = fs::temp_directory_path() / ("longwave_flop_budget_" + std::to_string(::getpid()));
  auto options = tiny();
  options.run = folder;
  const auto recipe = testing::small_sequence_recipe("train.flops=2e7");
  int steps = 0;
  options.should_stop = [&] {
    if (++steps == 3) ::raise(SIGINT);
    return false;
  };
  EXPECT_THROW(run_experiment(recipe, options), Interrupted);
  options.should_stop = {};
  options.resume = true;
  EXPECT_EQ(run_experiment(recipe, options).steps, with_affordable_steps(recipe, tiny()).train.steps);
  fs::remove_all(folder);
}

TEST(FlopBudget, IsOfOneTrainingOnSequences) {
  EXPECT_NE(message("train.flops=1e7 train.protocol=masked").find("expected train.steps and pretrain.steps"),
            std::string::npos)
      << message("train.flops=1e7 train.protocol=masked");
  EXPECT_NE(message("train.flops=-1").find("train.flops"), std::string::npos);
  EXPECT_EQ(message("train.flops=1e7 train.eval_steps=5"), "");
}

}  // namespace
}  // namespace longwave
