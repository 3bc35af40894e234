// Trials of a comparison: which there are, what they choose, what the report says of them.

#include "longwave/train/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "longwave/train/comparison_groups.h"
#include "longwave/train/comparison_report.h"
#include "longwave/train/search_report.h"
#include "longwave/train/sequence_report.h"
#include "tests/report/xml_check.h"

namespace longwave {
namespace {

constexpr const char* kRecipe = R"(
[compare]
models = ["linear", "dlinear"]
data = ["ETTh1"]
horizons = [96]
seeds = [1, 2]
[train]
epochs = 7
)";
constexpr const char* kSearch = R"(
[search]
"train.learning_rate" = [1e-3, 3e-3, 1e-2]
train.weight_decay = [0.0, 0.1]
)";

Comparison plan(const std::string& text, const std::vector<std::string>& overrides = {}) {
  auto sections = parse_toml(text, "c.toml");
  for (const auto& o : overrides) apply_override(sections, o);
  return plan_comparison(sections, sections["compare"]);
}

std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    plan(text, overrides);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

std::vector<std::string> points_of(const Search& search) {
  std::vector<std::string> points;
  for (const auto& trial : search.trials) points.push_back(trial.cells.front().point);
  return points;
}

/// Records of all trials, the i-th of each model with the i-th validation score; NaN: it failed.
CellRecords outcomes(const Comparison& comparison, const std::vector<double>& scores,
                     const std::string& metric = "mse") {
  CellRecords records;
  for (const auto& search : comparison.searches)
    for (std::size_t i = 0; i < std::min(scores.size(), search.trials.size()); ++i) {
      const auto& cell = search.trials[i].cells.front();
      CellRecord record{cell.id, CellState::done, "", {}};
      record.result.metric = metric;
      // The test scores would choose otherwise.
      record.result.scores = {{"val_" + metric, scores[i]}, {metric, -scores[i]}};
      if (std::isnan(scores[i])) record = {cell.id, CellState::failed, "loss is not finite", {}};
      records[cell.key] = record;
    }
  return records;
}

TEST(Search, EveryModelHasEveryPointOfTheGridAtEverySeed) {
  const auto c = plan(std::string(kRecipe) + kSearch);
  EXPECT_TRUE(c.cells.empty());
  ASSERT_EQ(c.searches.size(), 2u);
  std::set<std::string> keys;
  for (const auto& search : c.searches) {
    ASSERT_EQ(search.trials.size(), 6u);
    EXPECT_EQ(points_of(search), points_of(c.searches[0]));
    for (const auto& trial : search.trials) {
      ASSERT_EQ(trial.cells.size(), 2u);
      EXPECT_EQ(trial.cells[1].id.seed, 2);
      for (const auto& cell : trial.cells) keys.insert(cell.key);
    }
  }
  EXPECT_EQ(keys.size(), 24u);
  EXPECT_EQ(trial_cells(c).size(), 12u);
  EXPECT_EQ(trial_cells(c).back().id.seed, 1);
  const auto& last = c.searches[1].trials[5].cells[0];
  EXPECT_EQ(last.point, "train.learning_rate 0.01, train.weight_decay 0.1");
  EXPECT_EQ(last.recipe.train.learning_rate, 0.01);
  EXPECT_EQ(last.recipe.train.weight_decay, 0.1);
  EXPECT_EQ(last.recipe.train.epochs, 7);
}

TEST(Search, ATrialIsTheCellThatAPlainComparisonHas) {
  const auto searched = plan(std::string(kRecipe) + "[search]\n\"train.learning_rate\" = [0.5]\n");
  const auto plain = plan(kRecipe, {"train.learning_rate=0.5"});
  EXPECT_EQ(searched.searches[0].trials[0].cells[1].key, plain.cells[2].key);  // linear, seed 2
}

TEST(Search, FewerTrialsAreTheSamePointsForEveryModelAndMoreKeepThem) {
  const auto text = std::string(kRecipe) + kSearch;
  const auto two = plan(text, {"search.trials=2"}), four = plan(text, {"search.trials=4"});
  ASSERT_EQ(two.searches[0].trials.size(), 2u);
  EXPECT_EQ(points_of(two.searches[0]), points_of(two.searches[1]));
  EXPECT_EQ(points_of(two.searches[0]), points_of(plan(text, {"search.trials=2"}).searches[0]));
  const auto more = points_of(four.searches[0]);
  EXPECT_EQ(more.size(), 4u);
  for (const auto& point : points_of(two.searches[0]))
    EXPECT_NE(std::find(more.begin(), more.end(), point), more.end()) << point;
}

TEST(Search, ListsOfAModelsOwnMakeNoMoreTrials) {
  const auto c = plan(std::string(kRecipe) + kSearch + "[search.dlinear]\nmodel.moving_avg = [13, 25]\n");
  ASSERT_EQ(c.searches[1].trials.size(), 6u);
  std::map<std::int64_t, int> tried;
  for (const auto& trial : c.searches[1].trials)
    ++tried[trial.cells[0].recipe.model_config.at("moving_avg").get<std::int64_t>()];
  EXPECT_EQ(tried[13], 3);
  EXPECT_EQ(tried[25], 3);
  EXPECT_NE(points_of(c.searches[1])[0].find("model.moving_avg"), std::string::npos);
  EXPECT_EQ(points_of(c.searches[0])[0].find("model.moving_avg"), std::string::npos);
}

TEST(Search, AModelWithoutParametersIsRunOnce) {
  const std::vector<std::string> models{"compare.models=[\"linear\", \"naive-last\"]"};
  const auto text = std::string(kRecipe) + kSearch;
  auto c = plan(text, models);
  ASSERT_EQ(c.searches.size(), 2u);
  EXPECT_EQ(c.searches[0].trials.size(), 6u);
  ASSERT_EQ(points_of(c.searches[1]), std::vector<std::string>{""});
  EXPECT_TRUE(is_tuned(c.searches[0]));
  EXPECT_FALSE(is_tuned(c.searches[1]));
  EXPECT_EQ(c.searches[1].trials[0].cells[1].key, plan(kRecipe, models).cells[3].key) << "as without a search";
  EXPECT_NE(refusal(text + "[search.naive-last]\ntrain.clip = [1, 2]\n", models).find("has no parameters"),
            std::string::npos);

  const auto records = outcomes(c, {0.5, 0.4, 0.3, 0.4, 0.3, 0.9});
  choose(c, records);
  EXPECT_EQ(c.cells.size(), 4u);
  EXPECT_EQ(layout(score_table(c, records)).notes.back(),
            "Tuned by the validation score, 6 trials each: Linear. Not tuned: Last value.");
  for (const auto& [heading, table] : search_tables(c))
    EXPECT_EQ(plain_table(table).find("Last value"), std::string::npos) << heading;
  EXPECT_EQ(xml_fault(comparison_page(c, records, "")), "");

  auto alone = plan(text, {"compare.models=[\"naive-last\"]"});
  EXPECT_TRUE(search_tables(alone).empty());
  choose(alone, outcomes(alone, {std::nan("")}));
  EXPECT_EQ(words_of_trials(alone.searches[0]), "failed: loss is not finite");
}

TEST(Search, TheCommandLineChangesAList) {
  const auto c = plan(std::string(kRecipe) + kSearch, {"search.train.learning_rate=[0.1]"});
  EXPECT_EQ(c.searches[0].trials.size(), 2u);
  EXPECT_EQ(c.searches[0].trials[0].cells[0].recipe.train.learning_rate, 0.1);
}

TEST(Search, TheCommandLineAloneMakesASearchAndItsMistakesAreNamedToo) {
  const auto comparison = plan(kRecipe, {"search.train.learning_rate=[1e-3, 1e-2]"});
  ASSERT_EQ(comparison.searches.size(), 2u);
  EXPECT_EQ(comparison.searches[0].trials.size(), 2u);
  EXPECT_NE(refusal(kRecipe, {"search.linear.train.clip=[1, 2]"}).find("nothing to try for all models"),
            std::string::npos);
}

TEST(Search, MistakesAreNamed) {
  const auto base = std::string(kRecipe);
  const auto says = [](const std::string& text, const std::string& words) {
    const auto refused = refusal(text);
    EXPECT_NE(refused.find(words), std::string::npos) << refused;
  };
  says(base + "[search]\n", "[search] has nothing to try");
  says(base + "[search]\ntrial = 3\n", "did you mean 'trials'");
  says(base + "[search]\ntrain.learning_rate = 0.1\n", "expected a list of values to try");
  says(base + "[search]\ntrain.learning_rte = [0.1]\n", "'learning_rate'");
  says(base + "[search]\ntrain.learning_rate = [0.1, -1]\n", "train.learning_rate is -1");
  says(base + "[search]\ntrain.seed = [1, 2]\n", "belongs into [compare]");
  says(base + "[search]\ntrain.epochs = [1, 2]\n", "train.epochs has a value here and is searched");
  says(base + "[search]\ntrain.learning_rate = [0.1, 0.1]\n", "train.learning_rate 0.1 is listed twice");
  says(base + "[search]\ntask.lookback = [96, 336]\n", "cannot be searched");
  says(base + kSearch + "trials = 7\n", "expected a whole number from 1 to 6");
  says(base + kSearch + "[search.dlinaer]\nmodel.moving_avg = [3]\n", "did you mean 'dlinear'");
  says(base + kSearch + "[search.dlinear]\ntrain.learning_rate = [3]\n", "is searched for all models");
  says(base + kSearch + "[search.dlinear]\ntrain.clip = [1]\ntrain.beta1 = [0.9]\ntrain.beta2 = [0.9]\n",
       "expected at most 2");
}

TEST(Search, TheBestValidationScoreIsRunAtAllSeeds) {
  auto c = plan(std::string(kRecipe) + kSearch);
  choose(c, outcomes(c, {0.5, std::nan(""), 0.3, 0.4, 0.3, 0.9}));
  ASSERT_EQ(c.cells.size(), 4u);
  EXPECT_EQ(c.searches[0].chosen, 2u);  // the first of equal ones
  EXPECT_EQ(c.cells[0].key, c.searches[0].trials[2].cells[0].key);
  EXPECT_EQ(c.cells[1].key, c.searches[0].trials[2].cells[1].key);
  EXPECT_EQ(c.cells[3].id.model, "dlinear");

  auto higher = plan(std::string(kRecipe) + kSearch);
  choose(higher, outcomes(higher, {0.5, std::nan(""), 0.3, 0.4, 0.3, 0.9}, "accuracy"));
  EXPECT_EQ(higher.searches[0].chosen, 5u);
}

TEST(Search, NothingIsChosenBeforeEveryTrialIsSettled) {
  auto c = plan(std::string(kRecipe) + kSearch);
  auto records = outcomes(c, {0.5, 0.4, 0.3, 0.4, 0.3, 0.9});
  records.erase(c.searches[0].trials[0].cells[0].key);
  records.at(c.searches[1].trials[5].cells[0].key).state = CellState::running;
  choose(c, records);
  EXPECT_TRUE(c.cells.empty());
  EXPECT_FALSE(c.searches[0].chosen || c.searches[1].chosen);
}

TEST(Search, FailuresAloneChooseNothing) {
  auto c = plan(std::string(kRecipe) + kSearch);
  choose(c, outcomes(c, std::vector<double>(6, std::nan(""))));
  EXPECT_TRUE(c.cells.empty());
}

TEST(Search, ExpectedBestIsTheMeanOverAllChoices) {
  const std::vector<double> costs{3, 1, 4, 1.5, 9};
  const auto expected = expected_best(costs);
  ASSERT_EQ(expected.size(), costs.size());
  std::vector<double> sums(costs.size()), counts(costs.size());
  for (unsigned chosen = 1; chosen < 1u << costs.size(); ++chosen) {
    double best = 1e9;
    std::size_t count = 0;
    for (std::size_t i = 0; i < costs.size(); ++i)
      if (chosen >> i & 1) best = std::min(best, costs[i]), ++count;
    sums[count - 1] += best;
    ++counts[count - 1];
  }
  for (std::size_t k = 0; k < costs.size(); ++k) EXPECT_NEAR(expected[k], sums[k] / counts[k], 1e-12) << k + 1;
  const auto failed = expected_best({2, std::nan(""), 1});  // as {2, 2, 1}
  ASSERT_EQ(failed.size(), 3u);
  EXPECT_NEAR(failed[0], 5.0 / 3, 1e-12);
  EXPECT_NEAR(failed[1], 4.0 / 3, 1e-12);
  EXPECT_NEAR(failed[2], 1, 1e-12);
  EXPECT_TRUE(expected_best({std::nan("")}).empty());
}

std::string text_of(const std::vector<std::pair<std::string, Table>>& tables) {
  std::string text;
  for (const auto& [heading, table] : tables) text += heading + "\n" + plain_table(table);
  return text;
}

TEST(SearchReport, ListsEveryTrialAndTheExpectedBest) {
  auto c = plan(std::string(kRecipe) + kSearch);
  choose(c, outcomes(c, {0.5, std::nan(""), 0.3, 0.4, 0.3, 0.9}));
  const auto text = text_of(search_tables(c));
  EXPECT_NE(text.find("Trials: ETTh1, horizon 96"), std::string::npos) << text;
  EXPECT_NE(text.find("train.learning_rate 0.01, train.weight_decay 0.1"), std::string::npos) << text;
  EXPECT_NE(text.find("failed: loss is not finite"), std::string::npos) << text;
  EXPECT_NE(text.find("validation MSE"), std::string::npos) << text;
  EXPECT_NE(text.find("k = 6"), std::string::npos) << text;
  EXPECT_NE(text.find("0.55"), std::string::npos) << text;  // of one trial, the failed one as 0.9
  const auto page = comparison_page(c, {}, "longwave compare c.toml");
  EXPECT_EQ(xml_fault(page), "");
  EXPECT_NE(page.find("Expected best validation score of so many trials"), std::string::npos);
  EXPECT_NE(html_table(search_tables(c)[0].second).find("left wrap"), std::string::npos) << "settings are long";
}

TEST(SearchReport, SaysWhatIsMissing) {
  auto c = plan(std::string(kRecipe) + kSearch);
  auto records = outcomes(c, {0.5, 0.4, 0.3, 0.4, 0.3, 0.9});
  records.erase(c.searches[0].trials[0].cells[0].key);
  records.at(c.searches[0].trials[1].cells[0].key).state = CellState::interrupted;
  choose(c, records);
  EXPECT_NE(text_of(search_tables(c)).find("not run yet"), std::string::npos);
  EXPECT_NE(text_of(search_tables(c)).find("interrupted"), std::string::npos);
  const auto page = comparison_page(c, {}, "longwave compare c.toml");
  EXPECT_EQ(xml_fault(page), "");
  EXPECT_NE(page.find("4 of 6 trials were run yet"), std::string::npos) << page;
  EXPECT_NE(page.find("6 trials each: DLinear."), std::string::npos) << "Linear is neither tuned yet nor untuned";
  EXPECT_EQ(xml_fault(comparison_page(plan(std::string(kRecipe) + kSearch), {}, "")), "") << "an empty store";
}

TEST(SearchReport, StandsInThePageOfSequenceModelsToo) {
  auto c = plan(R"(
[compare]
models = ["mingru", "lstm"]
data = ["copying"]
[search]
model.d_model = [8, 16]
[search.lstm]
train.clip = [1, 2]
)");
  auto records = outcomes(c, {0.5, 0.75}, "accuracy");
  records.erase(c.searches[1].trials[0].cells[0].key);
  choose(c, records);
  ASSERT_EQ(c.cells.size(), 1u);
  EXPECT_EQ(c.cells[0].recipe.model_config.at("d_model"), 16);
  const auto text = text_of(search_tables(c));
  EXPECT_NE(text.find("75.00"), std::string::npos) << text;
  const auto page = sequence_page(c, {}, "longwave compare c.toml");
  EXPECT_EQ(xml_fault(page), "");
  EXPECT_NE(page.find("Trials: copying"), std::string::npos);
  EXPECT_NE(page.find("Tuned by the validation score, 2 trials each: "), std::string::npos);
  EXPECT_EQ(page.find(">1.2</text>"), std::string::npos) << "a trial is whole";
  EXPECT_NE(page.find("1 of 2 trials were run yet"), std::string::npos) << page;
}

TEST(SearchReport, IsNotThereWithoutASearch) {
  const auto c = plan(kRecipe);
  EXPECT_TRUE(search_tables(c).empty());
  EXPECT_EQ(comparison_page(c, {}, "").find("rials"), std::string::npos);
}

}  // namespace
}  // namespace longwave
