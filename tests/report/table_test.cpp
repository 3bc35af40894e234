#include "longwave/report/table.h"

#include <gtest/gtest.h>

#include <cmath>

#include "longwave/report/score_table.h"
#include "tests/report/xml_check.h"

namespace longwave {
namespace {

ScoreTable sample() {
  ScoreTable scores;
  scores.label_names = {"data", "horizon"};
  scores.models = {{"samovar", "SAMoVAR"}, {"dlinear", "DLinear"}, {"naive", "naive"}};
  scores.metrics = {{"mse", "MSE"}, {"mae", "MAE"}};
  ScoreRow etth{{"ETTh1", "96"}, {}};
  etth.entries["samovar"] = {{{"mse", {0.364, 0.366}}, {"mae", {0.4, 0.402}}}, {}};
  etth.entries["dlinear"] = {{{"mse", {0.3755}}, {"mae", {0.4019}}}, {"time limit of 30 min reached"}};
  etth.entries["naive"] = {{{"mse", {1.29437}}, {"mae", {0.71318}}}, {}};
  ScoreRow weather{{"weather", "96"}, {}};
  weather.entries["samovar"] = {{}, {"failed: loss is not finite"}};
  weather.entries["dlinear"] = {{{"mse", {0.176}}, {"mae", {0.237}}}, {"time limit of 30 min reached"}};
  weather.entries["naive"] = {{{"mse", {0.17602}}, {"mae", {0.254}}}, {}};
  scores.rows = {etth, weather};
  return scores;
}

TEST(ScoreTable, PrintsAsPapersDo) {
  EXPECT_EQ(plain_table(layout(sample())),
            "                              SAMoVAR                   DLinear           naive\n"
            "data     horizon             MSE             MAE         MSE     MAE    MSE     MAE\n"
            "-----------------------------------------------------------------------------------\n"
            "ETTh1    96       0.365 ± 0.013*  0.401 ± 0.013*  0.376~ [1]  0.402~  1.294   0.713\n"
            "weather  96                - [2]               -   0.176 [1]  0.237*  0.176  0.254~\n"
            "* best, ~ runner-up\n"
            "[1] time limit of 30 min reached\n"
            "[2] failed: loss is not finite\n");
}

TEST(Table, BreaksIntoBlocksThatFitANarrowTerminalAndRepeatTheLabels) {
  auto table = layout(sample());
  table.notes.push_back("[3] a remark that is longer than the fifty characters of this terminal and goes on below");
  const auto text = terminal_table(table, 50, true);
  std::size_t start = 0, labels = 0;
  for (std::size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    auto line = text.substr(start, end - start);
    for (const auto* code : {"\033[1m", "\033[4m", "\033[0m"})
      for (std::size_t at; (at = line.find(code)) != std::string::npos;) line.erase(at, 4);
    EXPECT_LE(line.size(), 50u + 2) << line;  // ± is two bytes, twice
    labels += line.starts_with("ETTh1");
  }
  EXPECT_EQ(labels, 2u);
  EXPECT_NE(text.find("\033[1m0.365 ± 0.013\033[0m"), std::string::npos);
  EXPECT_NE(text.find("\033[4m0.402\033[0m"), std::string::npos);
}

TEST(Table, BreaksSentencesInsideTheirColumn) {
  Table table{
      {{"model", "", true}, {"score"}, {"remarks", "", true, true}},
      1,
      {{{"a"}, {"1"}, {"this remark is a sentence that needs three lines of this terminal"}}, {{"b"}, {"2"}, {""}}},
      {}};
  EXPECT_EQ(terminal_table(table, 56, false), "model  score  remarks\n" + std::string(56, '-') +
                                                  "\n"
                                                  "a          1  this remark is a sentence that needs three\n"
                                                  "              lines of this terminal\n"
                                                  "b          2\n");
  EXPECT_NE(terminal_table(table, 45, false).find("\nmodel  remarks\n"), std::string::npos) << "in a block of its own";
  EXPECT_NE(plain_table(table).find("three lines of this terminal"), std::string::npos);
  EXPECT_NE(html_table(table).find("<td class=\"left wrap\">this remark"), std::string::npos);
}

TEST(RankMarks, AreByWhatIsPrinted) {
  const auto none = Mark::none, best = Mark::best, second = Mark::second;
  EXPECT_EQ(rank_marks({"99.9", "100.0", "-", "100.0", "", "7.5"}, true),
            (std::vector<Mark>{second, best, none, best, none, none}));
  EXPECT_EQ(rank_marks({"9.5", "20.1"}, false), (std::vector<Mark>{best, second}));
  EXPECT_EQ(rank_marks({"9.5", "9.5", "-"}, false), (std::vector<Mark>{none, none, none})) << "nobody to beat";
}

TEST(ScoreTable, EqualAsPrintedSharesTheRankAndNotesAreNumberedOnce) {
  const auto table = layout(sample());
  EXPECT_EQ(table.rows[1][4].mark, Mark::none);  // 0.176 and 0.17602 print alike: one rank, nobody to beat
  EXPECT_EQ(table.rows[1][5].mark, Mark::best);
  EXPECT_EQ(table.rows[1][2].text + table.rows[1][2].note, "- [2]");
  EXPECT_EQ(table.notes,
            (std::vector<std::string>{"[1] time limit of 30 min reached", "[2] failed: loss is not finite"}));
}

TEST(ScoreTable, AKnownLimitIsARowOfLabelsAlone) {
  auto scores = sample();
  scores.rows.push_back({{"noise floor", "0.0025"}, {}});
  const auto table = layout(scores);
  EXPECT_EQ(table.rows[2][1].text, "0.0025");
  for (std::size_t c = 2; c < table.columns.size(); ++c) EXPECT_EQ(table.rows[2][c].text, "");
}

TEST(Table, Markdown) {
  Table table{
      {{"model", "", true}, {"MSE", "A|B"}}, 1, {{{"x_y"}, {"0.1", Mark::best}}, {{"z"}, {"0.2", Mark::second}}}, {}};
  EXPECT_EQ(markdown_table(table), "| model | A\\|B MSE |\n|---|---:|\n| x\\_y | **0.1** |\n| z | <u>0.2</u> |\n");
}

TEST(Table, HtmlIsWellFormedAndMarksTheBest) {
  auto scores = sample();
  scores.rows[0].labels[0] = "<b> & \"x\"";
  const auto html = html_table(layout(scores));
  EXPECT_EQ(xml_fault(html), "");
  EXPECT_NE(html.find("<b>0.365 ± 0.013</b>"), std::string::npos);
  EXPECT_NE(html.find("<u>0.402</u>"), std::string::npos);
  EXPECT_NE(html.find("colspan=\"2\""), std::string::npos);
}

TEST(ScoreText, HasThreeDigitsOfTheSmallest) {
  EXPECT_EQ(score_text(0.3755, 0.3755), "0.376");
  EXPECT_EQ(score_text(0.0031, 0.0025), "0.00310");
  EXPECT_EQ(score_text(12.5, 0.5), "12.500");
}

TEST(Statistics, MeanAndStudentInterval) {
  const auto e = estimate({1, 2, 3, 4});
  EXPECT_DOUBLE_EQ(e.mean, 2.5);
  EXPECT_NEAR(e.deviation, 1.2909944, 1e-6);
  EXPECT_NEAR(e.half_width, 3.1824 * 1.2909944 / 2, 1e-4);
  EXPECT_TRUE(std::isnan(estimate({1}).deviation));
  EXPECT_TRUE(std::isnan(estimate({1}).half_width));
  EXPECT_TRUE(std::isnan(estimate({}).mean));
  EXPECT_NEAR(student_t_975(31), 2.0395, 2e-4);
  EXPECT_NEAR(student_t_975(100000), 1.96, 1e-4);
}

}  // namespace
}  // namespace longwave
