// What the report of a comparison of sequence models says of several seeds, of runs that did not end well, and of
// several tasks. Nothing is trained.

#include "longwave/train/sequence_report.h"

#include <gtest/gtest.h>

#include "longwave/train/trainer.h"
#include "tests/report/xml_check.h"

namespace longwave {
namespace {

constexpr const char* kRecipe = R"(
[compare]
title = "Small"
models = ["mingru", "attention"]
data = ["copying", "mqar"]
seeds = [1, 2, 3]
solved = 0.9
[compare.mqar]
solved = 0.95
[data.copying]
noise = 4
memorize = 2
alphabet = 5
[data.mqar]
vocabulary = 32
steps = 16
pairs = 2
[model]
layers = 1
d_model = 8
[train]
steps = 50
eval_steps = 10
)";

Comparison plan(const std::string& text = kRecipe) { return plan_comparison(parse_toml(text, "c.toml")); }

/// A run of 50 steps; its validation comes close to the score from the given round on.
CellResult result(double score, int from_round = 5) {
  CellResult r;
  r.metric = "accuracy";
  r.scores = {{"accuracy", score}, {"accuracy_low", score - 0.05}, {"accuracy_high", score + 0.05}};
  for (int round = 1; round <= 5; ++round) r.curve.push_back({round, 1, round < from_round ? 0.1 : score});
  r.epochs = 5;
  r.about = {{"baselines", {{{"name", "chance"}, {"score", 0.25}, {"comment", "any of four"}}}},
             {"parameters", {{"body", 1000}, {"embedding", 100}, {"head", 10}}},
             {"cost", {{"flops", 1e3}, {"state_bytes", 4096}, {"not_counted", Json::array()}}},
             {"total", {{"steps", 50}, {"tokens", 800}, {"flops", 1e6}}}};
  r.environment = {{"device", "cpu"}, {"precision", "float32"}};
  return r;
}

class Records {
 public:
  explicit Records(const Comparison& comparison) : comparison_(comparison) {}

  void add(const std::string& data, const std::string& model, std::int64_t seed, const CellResult& result) {
    at(data, model, seed).result = result;
  }
  void fail(const std::string& data, const std::string& model, std::int64_t seed, const std::string& error) {
    auto& record = at(data, model, seed);
    record.state = CellState::failed;
    record.error = error;
  }
  void scores(const std::string& data, const std::string& model, const std::vector<double>& by_seed) {
    for (std::size_t i = 0; i < by_seed.size(); ++i)
      add(data, model, static_cast<std::int64_t>(i + 1), result(by_seed[i]));
  }

  Table table(const std::string& heading) const {
    for (const auto& [name, table] : sequence_tables(comparison_, records_))
      if (name == heading) return table;
    ADD_FAILURE() << "no table " << heading;
    return {};
  }
  std::string text(const std::string& heading) const { return plain_table(table(heading)); }
  std::string page() const { return sequence_page(comparison_, records_, "longwave compare c.toml"); }

 private:
  CellRecord& at(const std::string& data, const std::string& model, std::int64_t seed) {
    for (const auto& cell : comparison_.cells)
      if (cell.id.data == data && cell.id.model == model && cell.id.seed == seed)
        return records_.try_emplace(cell.key, CellRecord{cell.id, CellState::done, "", {}}).first->second;
    throw std::logic_error("no such cell");
  }

  const Comparison& comparison_;
  CellRecords records_;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(SequenceReport, OfSeveralSeedsHasMeanIntervalDeviationAndPairedDifference) {
  const auto c = plan();
  Records r(c);
  r.scores("copying", "mingru", {0.5, 0.6, 0.7});
  r.scores("copying", "attention", {0.7, 0.9});  // the third has not been run
  const auto text = r.text("copying");
  EXPECT_TRUE(has(text, "60.0 ± 24.8~ ")) << text;  // 4.3027 * 10 / sqrt(3)
  EXPECT_TRUE(has(text, "10.0")) << text;
  // Over seeds 1 and 2: -20 and -30, so -25 with 12.706 * 7.0711 / sqrt(2).
  EXPECT_TRUE(has(text, "−25.0 ± 63.5")) << text;
  EXPECT_TRUE(has(text, "(2 of 3)")) << text;
  EXPECT_TRUE(has(text, "sd: standard deviation")) << text;
  EXPECT_FALSE(has(text, "Wilson")) << text;
}

TEST(SequenceReport, SeedsOfOneScoreClaimNoCertainty) {
  const auto c = plan();
  Records r(c);
  r.scores("copying", "mingru", {0.1, 0.1, 0.1});
  r.scores("copying", "attention", {0.3, 0.3, 0.3});
  const auto text = r.text("copying");
  EXPECT_TRUE(has(text, "10.0 (equal)")) << text;
  EXPECT_TRUE(has(text, "−20.0 (equal)")) << text;
  EXPECT_FALSE(has(text, "± 0")) << text;
}

TEST(SequenceReport, OfOneSeedClaimsNothingOfOthers) {
  const auto c = plan();
  Records r(c);
  r.scores("copying", "mingru", {0.5});
  r.scores("copying", "attention", {0.8});
  const auto text = r.text("copying");
  EXPECT_TRUE(has(text, "50.0 [45.0, 55.0]~")) << text;
  for (const auto* word : {"±", "sd", "to the best"}) EXPECT_FALSE(has(text, word)) << text;
}

TEST(SequenceReport, TellsSolvedNotSolvedAndDiverged) {
  const auto c = plan();
  EXPECT_EQ(c.solved.at("copying"), 0.9);
  EXPECT_EQ(c.solved.at("mqar"), 0.95);
  Records r(c);
  r.add("copying", "mingru", 1, result(0.97, 2));
  r.add("copying", "mingru", 2, result(0.99, 4));
  r.add("copying", "mingru", 3, result(0.4));
  r.add("copying", "attention", 1, result(1));
  r.fail("copying", "attention", 2, std::string(kDiverged) + "epoch 1, step 3: w of the model has nan");
  r.add("copying", "attention", 3, result(std::nan("")));
  r.fail("mqar", "attention", 1, "its process was ended by signal 9");
  r.add("mqar", "mingru", 1, result(0.94));
  const auto table = r.table("copying");
  EXPECT_EQ(table.rows[0].back().text,
            "solved by 2 of 3 runs after 20 to 40 steps; not solved by 1 of 3 runs within budget (50 steps)");
  EXPECT_EQ(table.rows[1].back().text,
            "solved by 1 of 3 runs after 50 steps; seed 2 diverged in epoch 1, step 3: w of the model has nan; seed 3 "
            "diverged: its score is not a finite number");
  EXPECT_EQ(table.rows[1][1].note, " (1 of 3)") << "a mean of what is left is marked";
  EXPECT_EQ(table.rows[1][1].mark, Mark::none) << "and not ranked";
  const auto mqar = r.table("mqar");
  EXPECT_EQ(mqar.rows[1][1].text, "failed");
  EXPECT_TRUE(has(mqar.rows[0].back().text, "not solved")) << "the set has a limit of its own";
  EXPECT_EQ(xml_fault(r.page()), "");
}

TEST(SequenceReport, OverviewHasBothAverages) {
  const auto c = plan();
  Records r(c);
  r.scores("copying", "mingru", {0.5, 0.6, 0.7});
  r.scores("mqar", "mingru", {0.8, 0.8, 0.8});
  r.scores("copying", "attention", {0.9, 0.9, 0.9});
  r.scores("mqar", "attention", {0.85});
  r.fail("mqar", "attention", 2, std::string(kDiverged) + "epoch 1, step 3: w of the model has nan");
  const auto table = r.table("Overview: accuracy, %");
  ASSERT_EQ(table.columns.size(), 5u);
  EXPECT_EQ(table.rows[0][3].text, "70.0");
  EXPECT_EQ(table.rows[0][3].note, "");
  EXPECT_EQ(table.rows[0][4].text + table.rows[0][4].note, "70.0 (2 of 2)");
  EXPECT_EQ(table.rows[1][2].text + table.rows[1][2].note, "85.0 (1 of 3)");
  EXPECT_EQ(table.rows[1][2].mark, Mark::none);
  // 90 and (85 + 25 + 25) / 3.
  EXPECT_EQ(table.rows[1][3].text + table.rows[1][3].note, "67.5 (2 without learning)");
  EXPECT_EQ(table.rows[1][4].text + table.rows[1][4].note, "90.0 (1 of 2)");
  EXPECT_EQ(table.rows[1][3].mark, Mark::none) << "with scores that no run had";
  EXPECT_EQ(table.rows[1][4].mark, Mark::none) << "of other tasks than those of the other model";
  EXPECT_TRUE(has(r.text("Overview: accuracy, %"), "copying 25.0 (chance), mqar 25.0 (chance)"));
  EXPECT_LT(r.page().find("Overview"), r.page().find("<h2>copying"));
}

TEST(SequenceReport, ATaskThatAModelIsNotAskedForIsNotMissing) {
  std::string text = kRecipe;
  text.replace(text.find("solved = 0.95"), 13, "models = [\"mingru\"]");
  const auto c = plan(text);
  Records r(c);
  r.scores("copying", "mingru", {0.5, 0.6, 0.7});
  r.scores("mqar", "mingru", {0.8, 0.8, 0.8});
  r.scores("copying", "attention", {0.9, 0.9});
  r.fail("copying", "attention", 3, "its process was ended by signal 9");
  const auto table = r.table("Overview: accuracy, %");
  EXPECT_EQ(table.rows[1][2].text + table.rows[1][2].note, "");
  // (90 + 90 + 25) / 3 on the only task.
  EXPECT_EQ(table.rows[1][3].text + table.rows[1][3].note, "68.3 (over 1 of 2) (1 without learning)");
  EXPECT_EQ(table.rows[1][4].text, "-");
  EXPECT_EQ(table.rows[1][3].mark, Mark::none);
  EXPECT_EQ(table.rows[0][3].text + table.rows[0][3].note, "70.0");
  EXPECT_TRUE(has(r.text("Overview: accuracy, %"), "Empty: the recipe does not ask for that model there."));
}

TEST(SequenceReport, AveragesOverTheSameTasksAreRanked) {
  const auto c = plan();
  Records r(c);
  for (const char* data : {"copying", "mqar"}) {
    r.scores(data, "mingru", {0.5, 0.6, 0.7});
    r.scores(data, "attention", {0.9, 0.9, 0.9});
  }
  const auto table = r.table("Overview: accuracy, %");
  EXPECT_EQ(table.rows[0][3].mark, Mark::second);
  EXPECT_EQ(table.rows[1][3].mark, Mark::best);
}

TEST(SequenceReport, ScoresMeasuredInDifferentWaysAreNotRanked) {
  const auto c = plan();
  Records r(c);
  r.scores("copying", "mingru", {0.5});
  auto other = result(0.8);
  other.about["samples"] = {{"test", 77}};
  r.add("copying", "attention", 1, other);
  r.scores("mqar", "mingru", {0.5});
  const auto table = r.table("copying");
  EXPECT_EQ(table.rows[1][1].mark, Mark::none);
  EXPECT_TRUE(has(r.text("copying"), "Not ranked"));
  EXPECT_EQ(r.table("Overview: accuracy, %").rows[1][1].mark, Mark::none);
}

TEST(SequenceReport, CostsStandInATableOfTheirOwn) {
  const auto c = plan();
  Records r(c);
  r.scores("copying", "mingru", {0.5});
  const auto text = r.text("copying: costs");
  for (const auto* words : {"4.00 KiB", "1.00 M", "Device and precision: cpu, float32"}) EXPECT_TRUE(has(text, words));
  EXPECT_FALSE(has(text, "attention")) << text;
  EXPECT_FALSE(has(r.page(), "Overview")) << "of one task with results";
}

TEST(SequenceReport, SaysWhereModelsAreNotOfOneSize) {
  const auto c = plan();
  Records r(c);
  const auto sized = [](double body) {
    auto of = result(0.5);
    of.about["parameters"]["body"] = body;
    return of;
  };
  r.add("copying", "mingru", 1, sized(1000));
  r.add("copying", "attention", 1, sized(1220));
  EXPECT_FALSE(has(r.text("copying: costs"), "budget"));
  r.add("mqar", "mingru", 1, sized(1000));
  r.add("mqar", "attention", 1, sized(1230));
  EXPECT_TRUE(has(r.text("mqar: costs"),
                  "Not one budget: the layers have 1.00 k (minGRU) to 1.23 k (Softmax attention) parameters, more"));
}

TEST(SequenceReport, NamesTheVariantOfASet) {
  std::string text = kRecipe;
  text.replace(text.find("\"copying\", \"mqar\""), 17, "\"pathfinder\", \"dna\"");
  text.erase(text.find("[compare.mqar]"), text.find("[model]") - text.find("[compare.mqar]"));
  const auto c = plan(text);
  const Records r(c);
  EXPECT_TRUE(has(r.text("pathfinder"), "data: pathfinder, resolution 32, difficulty hard.")) << r.text("pathfinder");
  EXPECT_TRUE(has(r.text("dna"), "data: dna, name human_nontata_promoters"));
}

TEST(SequenceReport, ScoresByLengthAreDrawnAtTheLengths) {
  const auto c = plan();
  Records r(c);
  auto long_ones = result(0.5);
  for (const auto* name : {"accuracy@64", "accuracy@128", "accuracy@1024"}) long_ones.scores[name] = 0.7;
  r.add("copying", "mingru", 1, long_ones);
  const auto page = r.page();
  EXPECT_TRUE(has(page, "Score by length"));
  EXPECT_TRUE(has(page, "copying by length"));
  for (const auto* tick : {">64<", ">128<", ">1024<"}) EXPECT_TRUE(has(page, tick)) << tick;
}

}  // namespace
}  // namespace longwave
