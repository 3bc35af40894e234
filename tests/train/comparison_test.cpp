#include "longwave/train/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "longwave/train/comparison_groups.h"
#include "longwave/train/comparison_report.h"
#include "tests/report/xml_check.h"

namespace longwave {
namespace {

constexpr const char* kRecipe = R"(
[compare]
models = ["linear", "dlinear"]
data = ["ETTh1", "weather"]
horizons = [96]
seeds = [1, 2]
[compare.ETTh1]
horizons = [96, 336]
[task]
lookback = 512
[task.linear]
lookback = 128
[task.linear.336]
lookback = 256
[train]
epochs = 7
[train.weather]
epochs = 3
[model.dlinear]
moving_avg = 13
)";

Comparison plan(const std::string& text, const std::vector<std::string>& overrides = {}) {
  auto sections = parse_toml(text, "c.toml");
  const auto written = sections["compare"];
  for (const auto& o : overrides) apply_override(sections, o);
  return plan_comparison(sections, written);
}

std::string refusal(const std::string& text) {
  try {
    plan(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

const ComparisonCell& cell(const Comparison& c, const std::string& data, std::int64_t horizon,
                           const std::string& model) {
  for (const auto& cell : c.cells)
    if (cell.id.data == data && cell.id.horizon == horizon && cell.id.model == model) return cell;
  throw std::runtime_error("no such cell");
}

TEST(Comparison, ExpandsToEveryCellOnce) {
  const auto c = plan(kRecipe);
  EXPECT_EQ(c.cells.size(), 2u * 2 * 3);  // models, seeds, ETTh1 96, ETTh1 336, weather 96
  std::set<std::string> keys;
  for (const auto& cell : c.cells) keys.insert(cell.key);
  EXPECT_EQ(keys.size(), c.cells.size());
}

TEST(Comparison, NarrowerSectionsWinOverWiderAndTheCommandLineOverAll) {
  auto c = plan(kRecipe);
  EXPECT_EQ(cell(c, "ETTh1", 96, "linear").recipe.task.lookback, 128);
  EXPECT_EQ(cell(c, "ETTh1", 336, "linear").recipe.task.lookback, 256);
  EXPECT_EQ(cell(c, "ETTh1", 336, "dlinear").recipe.task.lookback, 512);
  EXPECT_EQ(cell(c, "ETTh1", 96, "linear").recipe.train.epochs, 7);
  EXPECT_EQ(cell(c, "weather", 96, "linear").recipe.train.epochs, 3);
  EXPECT_EQ(cell(c, "weather", 96, "dlinear").recipe.model_config.at("moving_avg"), 13);
  c = plan(kRecipe, {"train.epochs=1", "compare.seeds=[5]"});
  EXPECT_EQ(cell(c, "weather", 96, "linear").recipe.train.epochs, 1);
  EXPECT_EQ(c.cells.size(), 6u);
}

TEST(Comparison, ListsCutOnTheCommandLineLeaveTheRestAsItWas) {
  const auto whole = plan(kRecipe), part = plan(kRecipe, {"compare.models=[\"linear\"]", "compare.data=[\"ETTh1\"]"});
  ASSERT_EQ(part.cells.size(), 2u * 2);  // seeds, horizons
  for (const auto& of_part : part.cells)
    EXPECT_TRUE(std::any_of(whole.cells.begin(), whole.cells.end(),
                            [&](const ComparisonCell& other) { return other.key == of_part.key; }));
}

TEST(Comparison, KeyChangesWithWhatChangesTheResultOnly) {
  const auto key = [](const std::vector<std::string>& o) {
    return cell(plan(kRecipe, o), "weather", 96, "linear").key;
  };
  EXPECT_EQ(key({}), key({"train.checkpoint_seconds=5"}));
  EXPECT_EQ(key({}), key({"train.log_steps=5"}));
  EXPECT_NE(key({}), key({"train.learning_rate=0.5"}));
  EXPECT_NE(key({}), key({"task.features=S"}));
}

TEST(Comparison, VariantsOfOneModelStandSideBySide) {
  std::string text = kRecipe;
  text.replace(text.find("\"dlinear\"]"), 10, "\"dlinear\", \"wide\"]");
  text += "[model.wide]\nname = \"dlinear\"\nmoving_avg = 49\n[train.wide]\nepochs = 2\n";
  const auto c = plan(text);
  const auto& wide = cell(c, "ETTh1", 96, "wide");
  EXPECT_EQ(wide.recipe.model, "dlinear");
  EXPECT_EQ(wide.recipe.model_config.at("moving_avg"), 49);
  EXPECT_EQ(wide.recipe.train.epochs, 2);
  EXPECT_EQ(c.contenders.back().title, "wide");
  EXPECT_EQ(cell(c, "ETTh1", 96, "dlinear").recipe.model_config.at("moving_avg"), 13);
  EXPECT_EQ(cell(c, "ETTh1", 96, "dlinear").key, cell(plan(kRecipe), "ETTh1", 96, "dlinear").key);

  const auto changed = [&](const std::string& from, const std::string& to) {
    auto other = text;
    return refusal(other.replace(other.find(from), from.size(), to));
  };
  EXPECT_NE(changed("name = \"dlinear\"", "").find("a variant of a model needs [model.wide] with its 'name'"),
            std::string::npos);
  EXPECT_NE(changed("name = \"dlinear\"", "name = \"dlinaer\"").find("model.wide.name: unknown"), std::string::npos);
  EXPECT_NE(changed("name = \"dlinear\"", "name = 3").find("in quotes"), std::string::npos);
  EXPECT_NE(refusal(text + "[model.linear]\nname = \"dlinear\"\n").find("linear is a model itself"), std::string::npos);
  EXPECT_NE(refusal(text + "[model.wide.weather]\nname = \"linear\"\n").find("belongs into [compare]"),
            std::string::npos);
}

TEST(Comparison, SaysWhatIsWrongAndWhere) {
  const std::string base = kRecipe;
  EXPECT_NE(refusal("[task]\nlookback = 3\n").find("compare.models is missing"), std::string::npos);
  EXPECT_NE(refusal(base + "[train.wether]\nepochs = 1\n").find("did you mean 'weather'"), std::string::npos);
  EXPECT_NE(refusal(base + "[model]\nmoving_avg = 1\n").find("does not say which model"), std::string::npos);
  EXPECT_NE(refusal(base + "[train.dlinear]\nepoch = 1\n").find("did you mean 'epochs'"), std::string::npos);
  EXPECT_NE(refusal(base + "[train.linear]\nseed = 1\n").find("belongs into [compare]"), std::string::npos);
  EXPECT_NE(refusal(base + "[compare.exchange]\nseeds = [1]\n").find("no data set of this comparison"),
            std::string::npos);
  EXPECT_NE(refusal("[compare]\nmodels = [\"dlinaer\"]\ndata = [\"ETTh1\"]\nhorizons = [3]\n").find("'dlinear'"),
            std::string::npos);
  EXPECT_NE(
      refusal("[compare]\nmodels = [\"linear\"]\ndata = [\"ETTh1\"]\nhorizons = [3]\nseeds = [1, 1]\n").find("twice"),
      std::string::npos);
}

TEST(Comparison, FilesOfOneNameAreRefused) {
  const auto words = refusal("[compare]\nmodels = [\"linear\"]\nhorizons = [3]\ndata = [\"a/x.csv\", \"b/x.csv\"]\n");
  EXPECT_EQ(words.substr(0, 37), "c.toml:4:1: compare.data: 'a/x.csv' a") << words;
  EXPECT_NE(words.find("have the same file name"), std::string::npos) << words;
}

CellRecords sample_records(const Comparison& c) {
  CellRecords records;
  for (std::size_t i = 0; i + 1 < c.cells.size(); ++i) {  // the last cell has not been run
    CellRecord record{c.cells[i].id, CellState::done, "", {}};
    auto& r = record.result;
    r.scores = {{"mse", 0.3 + 0.01 * static_cast<double>(i)}, {"mae", 0.4}};
    r.parameters = c.cells[i].id.model == "linear" ? 0 : 12345;
    r.flops = r.parameters * 2.0;
    r.total_seconds = 30;
    r.curve = {{1, 0.9, 0.8}, {2, 0.5, 0.6}};
    r.forecasts = {{"OT <&>", {1, 2, 3}, {4, 5}, {3.5, 4.5}}};
    r.capped = i == 1;
    records[c.cells[i].key] = record;
  }
  records[c.cells[0].key].state = CellState::failed;
  records[c.cells[0].key].error = "loss is not finite in <tokenizer>";
  return records;
}

TEST(ComparisonReport, IsWellFormedSelfContainedAndMarksWhatIsMissing) {
  const auto c = plan(kRecipe);
  const auto html = comparison_page(c, sample_records(c), "longwave compare c.toml");
  EXPECT_EQ(xml_fault(html), "");
  for (const auto* outside : {"http:", "https:", "<script", "<link", "<img", "url("}) {
    auto rest = html;
    for (std::size_t at; (at = rest.find("http://www.w3.org/2000/svg")) != std::string::npos;) rest.erase(at, 26);
    EXPECT_EQ(rest.find(outside), std::string::npos) << outside;
  }
  for (const auto* words : {"failed: loss is not finite in &lt;tokenizer&gt;", "not all seeds were run yet",
                            "stopped by the time limit", "Learning curves", "Forecasts against truth"})
    EXPECT_NE(html.find(words), std::string::npos) << words;
  EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(ComparisonReport, ListsWhatFailedAndSaysWhatWasInterrupted) {
  const auto c = plan(kRecipe);
  auto records = sample_records(c);
  EXPECT_EQ(failures_of(c, records), std::vector<std::string>{"ETTh1, horizon 96, Linear, seed 1: failed: loss is not "
                                                              "finite in <tokenizer>"});
  records[c.cells[1].key].state = CellState::interrupted;  // DLinear, seed 1
  records[c.cells[0].key] = {c.cells[0].id, CellState::done, "", {}};
  records[c.cells[0].key].result.scores["mse"] = std::nan("");
  EXPECT_EQ(failures_of(c, records).at(0),
            "ETTh1, horizon 96, Linear, seed 1: diverged: its score is not a finite number");
  const auto text = plain_table(layout(score_table(c, records)));
  EXPECT_NE(text.find("1 of 2 runs interrupted\n"), std::string::npos) << text;
}

TEST(ComparisonReport, DrawsAnEmptyStore) {
  const auto c = plan(kRecipe);
  const auto html = comparison_page(c, {}, "longwave compare c.toml");
  EXPECT_EQ(xml_fault(html), "");
  EXPECT_NE(html.find("not run yet"), std::string::npos);
}

TEST(ComparisonReport, ScoresAverageOverSeeds) {
  const auto c = plan(kRecipe);
  const auto table = layout(score_table(c, sample_records(c)));
  EXPECT_EQ(table.rows.size(), 3u);
  EXPECT_NE(table.rows[1][2].text.find("±"), std::string::npos);
}

}  // namespace
}  // namespace longwave
