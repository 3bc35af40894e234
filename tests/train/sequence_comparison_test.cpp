// Comparisons of sequence models: plan, cells, tables and page.

#include <gtest/gtest.h>

#include "longwave/train/cell_run.h"
#include "longwave/train/comparison.h"
#include "longwave/train/sequence_report.h"
#include "tests/report/xml_check.h"

namespace longwave {
namespace {

constexpr const char* kRecipe = R"(
[compare]
title = "Small"
models = ["mingru", "attention"]
data = ["copying", "mqar"]
protocols = ["scratch", "masked"]
seeds = [1, 2]
published = ["copying | Some model | 0.75 | a paper, its protocol"]
[compare.mqar]
seeds = [1]
[data.copying]
noise = 4
memorize = 2
alphabet = 5
train_samples = 40
val_samples = 10
test_samples = 10
[data.mqar]
vocabulary = 32
steps = 16
pairs = 2
train_samples = 40
val_samples = 10
test_samples = 10
[model]
layers = 1
d_model = 8
[model.attention]
positions = "learned"
[model.attention.mixer]
heads = 2
[train]
epochs = 1
batch = 16
threads = 1
[train.masked-is-no-name]
)";

std::string text_without_last_section() {
  const std::string text = kRecipe;
  return text.substr(0, text.find("[train.masked"));
}

Comparison plan(const std::string& text) { return plan_comparison(parse_toml(text, "c.toml")); }

std::string refusal(const std::string& text) {
  try {
    plan(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(SequenceComparison, IsDataTimesProtocolTimesMixerTimesSeed) {
  const auto c = plan(text_without_last_section());
  EXPECT_TRUE(c.sequences);
  EXPECT_EQ(c.cells.size(), 2u * 2 * 2 + 2 * 2);
  EXPECT_EQ(c.contenders.size(), 4u);
  for (const auto& cell : c.cells) {
    EXPECT_EQ(cell.recipe.task.type, "sequence");
    EXPECT_EQ(cell.recipe.pretrain.has_value(), cell.recipe.train.protocol == "masked");
    const auto& model = cell.recipe.model_config;
    EXPECT_EQ(model.at("positions"), cell.id.model == "attention" ? "learned" : "none");
    if (cell.id.model == "attention") {
      EXPECT_EQ(model.at("mixer").at("heads"), 2);
    }
    EXPECT_EQ(cell.recipe.data.contains("pairs"), cell.id.data == "mqar");
  }
}

TEST(SequenceComparison, VariantsOfOneSetStandSideBySide) {
  const auto text = replaced(text_without_last_section(), "\"mqar\"]", "\"mqar\", \"longer\"]") +
                    "[data.longer]\nset = \"mqar\"\nsteps = 20\n[compare.longer]\nseeds = [1]\n";
  const auto c = plan(text);
  EXPECT_EQ(c.cells.size(), 2u * 2 * 2 + 2 * 2 + 2 * 2);
  for (const auto& cell : c.cells) {
    EXPECT_EQ(cell.recipe.task.data, cell.id.data == "longer" ? "mqar" : cell.id.data);
    EXPECT_FALSE(cell.recipe.data.contains("set"));
    if (cell.id.data != "copying") {
      EXPECT_EQ(cell.recipe.data.at("steps"), cell.id.data == "longer" ? 20 : 16);
    }
  }
  EXPECT_NE(refusal(replaced(text, "set = \"mqar\"", "set = \"mqra\"")).find("mqar"), std::string::npos);
}

TEST(SequenceComparison, VariantsOfOneMixerStandSideBySide) {
  const auto c = plan(replaced(text_without_last_section(), "\"attention\"]", "\"attention\", \"heads-4\"]") +
                      "[model.heads-4]\nname = \"attention\"\n[model.heads-4.mixer]\nheads = 4\n");
  EXPECT_EQ(c.cells.size(), 3u * 2 * 2 + 3 * 2);
  EXPECT_EQ(c.contenders.back().title, "heads-4, masked pretraining");
  for (const auto& cell : c.cells) {
    if (cell.id.model == "mingru") continue;
    const bool variant = cell.id.model == "heads-4";
    EXPECT_EQ(cell.recipe.model, "attention");
    EXPECT_EQ(cell.recipe.model_config.at("mixer").at("heads"), variant ? 4 : 2);
    EXPECT_EQ(cell.recipe.model_config.at("positions"), variant ? "none" : "learned");
  }
}

TEST(SequenceComparison, OneTableIsOfOneSetOfSamples) {
  EXPECT_EQ(refusal(text_without_last_section() + "[data.mqar.mingru]\npairs = 3\n"),
            "data.pairs on mqar is 2 for attention and 3 for mingru; expected one for all models of a table");
}

TEST(SequenceComparison, MistakesAreNamed) {
  const auto text = text_without_last_section();
  EXPECT_NE(refusal(kRecipe).find("no model, data set or horizon of this comparison is called"), std::string::npos);
  EXPECT_NE(refusal(replaced(text, "\"mingru\"", "\"mingro\"")).find("compare.models"), std::string::npos);
  EXPECT_NE(refusal(replaced(text, "\"mqar\"]", "\"ETTh1\"]")).find("expected one kind"), std::string::npos);
  EXPECT_NE(refusal(replaced(text, "seeds = [1, 2]", "horizons = [96]")).find("have no horizon"), std::string::npos);
  EXPECT_NE(refusal(replaced(text, "| 0.75 |", "| good |")).find("DATA | NAME | SCORE | SOURCE"), std::string::npos);
  EXPECT_NE(refusal(replaced(text, "seeds = [1]", "sovled = 1")).find("did you mean 'solved'"), std::string::npos);
  const auto series =
      refusal("[compare]\nmodels = [\"dlinear\"]\ndata = [\"synthetic-var\"]\nhorizons = [8]\nsolved = 0.5\n");
  EXPECT_NE(series.find("compare.solved is of sequence sets"), std::string::npos) << series;
  EXPECT_NE(refusal(replaced(text, "heads = 2", "haeds = 2")).find("model.mixer.haeds"), std::string::npos);
}

TEST(SequenceComparison, TablesAndPageShowScoresCostsAndReferences) {
  const auto c = plan(text_without_last_section());
  CellRecords records;
  for (const auto& cell : c.cells) {
    if (cell.id.data != "copying" || cell.recipe.model != "mingru") continue;
    const auto stored = cell_result_from_json(to_json(run_cell(cell.recipe, {})));  // as the store gives it back
    records[cell.key] = {cell.id, CellState::done, "", stored};
  }
  ASSERT_EQ(records.size(), 4u);
  const auto tables = sequence_tables(c, records);
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables[1].first, "copying: costs");
  const auto text = plain_table(tables[0].second);
  EXPECT_NE(text.find("masked pretraining"), std::string::npos) << text;
  EXPECT_NE(text.find("±"), std::string::npos) << text;
  EXPECT_NE(text.find("(chance)"), std::string::npos) << text;
  EXPECT_NE(text.find("data: copying, noise 4, memorize 2, alphabet 5"), std::string::npos) << text;
  EXPECT_NE(text.find("(Some model)"), std::string::npos) << text;
  EXPECT_NE(text.find("75.0"), std::string::npos) << text;
  EXPECT_NE(text.find("published: a paper, its protocol"), std::string::npos) << text;
  EXPECT_NE(text.find("not run yet"), std::string::npos) << text;

  const auto& scratch = records.begin()->second.result;
  EXPECT_GT(scratch.flops, 0);
  EXPECT_EQ(scratch.metric, "accuracy");
  const auto page = sequence_page(c, records, "longwave compare c.toml");
  EXPECT_EQ(xml_fault(page), "");
  EXPECT_NE(page.find("Score against cost"), std::string::npos);
  EXPECT_NE(page.find("state of a sequence"), std::string::npos);
  EXPECT_NE(page.find("Learning curves"), std::string::npos);
  EXPECT_EQ(page.find("Score by"), std::string::npos) << "all of one length";

  for (auto& [key, record] : records) {
    record.result.scores["accuracy@0"] = 0.9;
    record.result.scores["accuracy@1"] = 0.4;
    record.result.about["group"] = "look-ahead";
  }
  const auto grouped = sequence_page(c, records, "longwave compare c.toml");
  EXPECT_EQ(xml_fault(grouped), "");
  EXPECT_NE(grouped.find("Score by look-ahead"), std::string::npos);
  EXPECT_NE(grouped.find("copying by look-ahead"), std::string::npos);
}

}  // namespace
}  // namespace longwave
