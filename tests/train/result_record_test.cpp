// What a run leaves beside its scores: cost, help, how often the test split was scored, what it ran on.

#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>
#include <utility>

#include "longwave/base/atomic_file.h"
#include "longwave/nn/environment.h"
#include "longwave/train/cell_run.h"
#include "longwave/train/experiment.h"
#include "longwave/train/run_directory.h"
#include "tests/support/sequences.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;

Recipe small_recipe(const std::string& overrides = "") {
  auto sections = parse_toml(
      "[task]\ntype = \"sequence\"\ndata = \"copying\"\ncontext = 16\n[model]\nname = \"mingru\"\nd_model = 8\n"
      "layers = 1\n[train]\nepochs = 2\nbatch = 8\nthreads = 1\npatience = 0\n",
      "test");
  std::istringstream words(overrides);
  for (std::string word; words >> word;) apply_override(sections, word);
  return resolve_recipe(sections);
}

RunOptions options_of(SequenceGoal goal) {
  RunOptions options;
  options.sequence_data = testing::tiny_sequences(goal);
  return options;
}

Json help_of(SequenceGoal goal, const std::string& overrides = "") {
  return run_experiment(small_recipe("train.epochs=1 " + overrides), options_of(goal)).about.at("help");
}

TEST(ResultRecord, ListsWhatMayHaveHelped) {
  const auto run = run_experiment(small_recipe("train.epochs=1"), options_of(SequenceGoal::classify));
  EXPECT_EQ(run.about.at("help"), (Json{{"input", "tokens, embedding table"},
                                        {"positions", "none"},
                                        {"augmentation", "none"},
                                        {"extra_data", "none"},
                                        {"pretraining", "none"},
                                        {"auxiliary_losses", "none"},
                                        {"pooling", "mean"},
                                        {"directions", "forward"},
                                        {"parameters", run.parameters}}));
  const auto pair = help_of(SequenceGoal::classify_pair, "model.bidirectional=true model.pool=last");
  EXPECT_EQ(pair.at("pooling"), "last, pair head s4");
  EXPECT_EQ(pair.at("directions"), "both");
  const auto numbers = help_of(SequenceGoal::regress_steps,
                               "train.protocol=masked pretrain.epochs=1 model.name=attention model.mixer.heads=2 "
                               "model.positions=learned");
  EXPECT_EQ(numbers.at("input"), "numbers, linear map");
  EXPECT_EQ(numbers.at("positions"), "learned, rotary");
  EXPECT_EQ(numbers.at("pooling"), "none");
  EXPECT_EQ(numbers.at("pretraining"), "masked, on the inputs of the training split");
}

TEST(ResultRecord, ADnaSetSaysThatItAugments) {
  class Strands final : public testing::TinySequences {
   public:
    Strands() : TinySequences(SequenceGoal::classify) { facts_.complement = {0, 4, 3, 2, 1, 5}; }
  };
  RunOptions options;
  options.sequence_data = std::make_shared<const Strands>();
  const auto help = run_experiment(small_recipe("train.epochs=1"), options).about.at("help");
  EXPECT_EQ(help.at("augmentation"), "a random half of every batch from the other strand");
}

TEST(ResultRecord, UseIsMeasuredAfterTraining) {
  const auto cost = run_experiment(small_recipe("train.epochs=1"), options_of(SequenceGoal::classify)).about.at("cost");
  EXPECT_EQ(cost.at("batch"), 8) << "that of the training";
  for (const auto* key : {"step_seconds", "tokens_per_second", "batch_tokens_per_second"})
    EXPECT_GT(cost.at(key).get<double>(), 0) << key;
}

TEST(ResultRecord, TheTestSplitIsCounted) {
  const auto folder = fs::temp_directory_path() / ("longwave_record_" + std::to_string(::getpid()));
  fs::remove_all(folder);
  auto options = options_of(SequenceGoal::classify);
  EXPECT_EQ(run_experiment(small_recipe(), options).test_touches, 1);
  EXPECT_EQ(run_experiment(small_recipe("train.test_every_epoch=true"), options).test_touches, 3);

  options.run = folder;
  options.should_stop = [&, touched = false]() mutable {  // evaluated while it trains
    if (!std::exchange(touched, true)) add_test_touches(folder, 1);
    return false;
  };
  EXPECT_EQ(run_experiment(small_recipe(), options).test_touches, 2);
  EXPECT_EQ(Json::parse(read_file(folder / "result.json")).at("test_touches"), 2);
  options.should_stop = {};
  options.overwrite = true;
  EXPECT_EQ(run_experiment(small_recipe(), options).test_touches, 1) << "another run";
  fs::remove_all(folder);
}

TEST(ResultRecord, ACellTellsStepTouchesAndMachine) {
  const auto cell = run_cell(small_recipe("data.noise=4 data.memorize=2 data.alphabet=5 data.train_samples=40 "
                                          "data.val_samples=10 data.test_samples=10"),
                             {});
  EXPECT_EQ(cell.best_step, 5 * cell.best_epoch) << "40 samples in batches of 8";
  EXPECT_EQ(cell.test_touches, 1);
  EXPECT_EQ(cell.environment.at("device"), "cpu");
  EXPECT_EQ(cell.environment.at("precision"), "float32");
  EXPECT_EQ(cell.environment.at("revision"), code_revision());
  EXPECT_NE(std::string(code_revision()), "");
  const auto again = cell_result_from_json(to_json(cell));
  EXPECT_EQ(again.best_step, cell.best_step);
  EXPECT_EQ(again.test_touches, cell.test_touches);
}

}  // namespace
}  // namespace longwave
