// `longwave forecast` as a user meets it: a good file, and every bad one.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "longwave/base/random.h"
#include "tests/support/program.h"

namespace longwave {
namespace {

namespace fs = std::filesystem;
using testing::run_program;

class Forecast : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("longwave_forecast_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  /// Hourly rows of a daily wave, a constant and words.
  std::string waves(int rows) {
    RandomStream random{5};
    std::ostringstream text;
    text << "date,load,flat,remark\n";
    for (int t = 0; t < rows; ++t) {
      char date[32];
      std::snprintf(date, sizeof date, "2024-%02d-%02d %02d:00", t / 672 + 1, t / 24 % 28 + 1, t % 24);
      text << date << "," << 10 + 3 * std::sin(2 * M_PI * t / 24) + 0.2 * random.normal() << ",7.5,ok\n";
    }
    return text.str();
  }

  std::string forecast(const std::string& file, const std::string& more) {
    return "forecast " + file + " --budget 10 --quiet --out " + (folder_ / "f.csv").string() + " --svg " +
           (folder_ / "f.svg").string() + " " + more;
  }

  std::string text_of(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }

  fs::path folder_;
};

TEST_F(Forecast, ContinuesDatesAndWavesAndKeepsConstants) {
  const auto file = write("a.csv", waves(600));  // 25 days: ends 2024-01-25 23:00
  const auto outcome = run_program(forecast(file, "--horizon 24 --model dlinear --json"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["season"], 24);
  EXPECT_EQ(json["frequency"], "hourly");
  EXPECT_EQ(json["ignored_columns"], nlohmann::json({"remark"}));
  EXPECT_EQ(json["dates"][0], "2024-01-26 00:00");
  EXPECT_EQ(json["dates"][23], "2024-01-26 23:00");
  const auto& load = json["series"]["load"];
  int inside = 0;
  for (int step = 0; step < 24; ++step) {
    const double truth = 10 + 3 * std::sin(2 * M_PI * step / 24);
    EXPECT_NEAR(load["forecast"][step].get<double>(), truth, 0.8) << step;
    EXPECT_EQ(json["series"]["flat"]["forecast"][step], 7.5);
    EXPECT_EQ(json["series"]["flat"]["lo95"][step], 7.5);
    inside += load["lo95"][step] <= truth && truth <= load["hi95"][step];
  }
  EXPECT_GE(inside, 20);
  EXPECT_GT(json["coverage"]["95"], 0.8);
  EXPECT_NE(text_of("f.csv").find("date,load,load_lo80,load_hi80,load_lo95,load_hi95,flat,"), std::string::npos);
  EXPECT_NE(text_of("f.svg").find("</svg>"), std::string::npos);
}

TEST_F(Forecast, SaysWhenNothingBeatsTheNaiveForecast) {
  RandomStream random{9};
  std::string text = "step,walk\n";
  double level = 100;
  for (int t = 0; t < 300; ++t) text += std::to_string(t) + "," + std::to_string(level += random.normal()) + "\n";
  const auto outcome = run_program(forecast(write("walk.csv", text), "--horizon 1 --targets walk --model samovar"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("Nothing beats the naive forecast"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("Last value"), std::string::npos);
}

TEST_F(Forecast, SameSeedSameNumbers) {
  const auto file = write("a.csv", waves(400));
  const auto once = [&] {
    EXPECT_EQ(run_program(forecast(file, "--horizon 6 --model nlinear --seed 3")).code, 0);
    return text_of("f.csv");
  };
  const auto first = once();
  EXPECT_EQ(first, once());
}

TEST_F(Forecast, AllConstantSeriesAreForecastAsThemselves) {
  std::string text = "a,b\n";
  for (int t = 0; t < 10; ++t) text += "1,2\n";
  const auto outcome = run_program(forecast(write("flat.csv", text), "--horizon 2"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(text_of("f.csv").find("11,1,1,1,1,1,2,2,2,2,2\n12,1,1,1,1,1,2,2,2,2,2\n"), std::string::npos);
}

TEST_F(Forecast, TheLongestHorizonThatItNamesFits) {
  std::string text = "a\n";
  for (int t = 0; t < 20; ++t) text += std::to_string(t * t % 7) + "\n";
  const auto file = write("short.csv", text);
  const auto refused = run_program(forecast(file, "--horizon 10"));
  EXPECT_EQ(refused.code, 2);
  const auto at = refused.out.find("fits is ");
  ASSERT_NE(at, std::string::npos) << refused.out;
  const auto longest = refused.out.substr(at + 8);
  const auto fits = run_program(forecast(file, "--model nlinear --horizon " + longest.substr(0, longest.find('\n'))));
  EXPECT_EQ(fits.code, 0) << fits.out;
}

TEST_F(Forecast, ASeriesThatStartsConstantDoesNotSpoilTheScale) {
  RandomStream random{4};
  std::string text = "a\n";
  for (int t = 0; t < 300; ++t) text += std::to_string(t < 250 ? 0.1 : 0.1 + 0.01 * random.normal()) + "\n";
  const auto outcome = run_program(forecast(write("late.csv", text), "--horizon 5 --model nlinear --json"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_LT(nlohmann::json::parse(outcome.out)["candidates"][0]["mae"], 10);
}

TEST_F(Forecast, OutputPathsAreCheckedBeforeTheWork) {
  const auto file = write("a.csv", waves(100));
  const auto before = text_of("a.csv");
  for (const auto& out : {file, std::string("/nonexistent/f.csv"), folder_.string()}) {
    const auto outcome = run_program("forecast " + file + " --horizon 4 --quiet --out " + out);
    EXPECT_EQ(outcome.code, 2) << out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  }
  EXPECT_EQ(text_of("a.csv"), before);
}

TEST_F(Forecast, WithoutTimeToTrainItSaysSo) {
  const auto outcome =
      run_program("forecast " + write("a.csv", waves(300)) + " --horizon 4 --quiet --budget 0.5 --out " +
                  (folder_ / "f.csv").string() + " --svg " + (folder_ / "f.svg").string());
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("No trained model could be tried"), std::string::npos) << outcome.out;
}

TEST_F(Forecast, MissingValuesAreRefusedOrFilled) {
  std::string text = "a\n";
  for (int t = 0; t < 60; ++t) text += (t == 30 ? "NA" : std::to_string(t % 7)) + "\n";
  const auto file = write("gap.csv", text);
  const auto refused = run_program(forecast(file, "--horizon 2"));
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.out.find(":32: column a has a missing value; fill it in, or pass --missing interpolate"),
            std::string::npos)
      << refused.out;
  const auto filled = run_program(forecast(file, "--horizon 2 --missing forward --model nlinear"));
  EXPECT_EQ(filled.code, 0) << filled.out;
  EXPECT_NE(filled.out.find("1 missing cells filled"), std::string::npos) << filled.out;
}

TEST_F(Forecast, BadInputIsOneLineAndLeavesNoFiles) {
  const auto good = write("a.csv", waves(100));
  const struct {
    std::string arguments, expected;
  } cases[] = {
      {good + " --horizon 60", "the longest horizon that fits is"},
      {good + " --horizon 500000000000", "100 rows are too few for a horizon of 500000000000"},
      {good + " --horizon 0", "--horizon is 0; expected at least 1"},
      {good + " --horizon 2 --targets lod", "no numeric column 'lod'; did you mean 'load'?"},
      {good + " --horizon 2 --model dliner", "unknown model 'dliner'; did you mean 'dlinear'?"},
      {good + " --horizon 2 --missing guess", "--missing is guess; expected error, interpolate or forward"},
      {"/nonexistent.csv --horizon 2", "/nonexistent.csv"},
      {write("empty.csv", "") + " --horizon 2", "empty"},
  };
  for (const auto& c : cases) {
    const auto outcome = run_program(forecast(c.arguments, ""));
    EXPECT_EQ(outcome.code, 2) << c.arguments;
    EXPECT_NE(outcome.out.find(c.expected), std::string::npos) << outcome.out;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  }
  EXPECT_FALSE(fs::exists(folder_ / "f.csv"));
}

}  // namespace
}  // namespace longwave
