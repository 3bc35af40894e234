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

/// Rows of `step,name` with a weekly pattern around `level`.
std::string weeks(const std::string& name, double level) {
  std::ostringstream text;
  text.precision(17);
  text << "step," << name << "\n";
  for (int t = 0; t < 120; ++t) text << t << "," << level + t % 7 << "\n";
  return text.str();
}

/// Two waves that a linear model knows, with noise that decays slowly, two random walks and a constant.
std::string mixed_series() {
  RandomStream random{21};
  std::ostringstream text;
  text << "step,wave_a,walk_a,wave_b,walk_b,flat\n";
  double noise = 0, walk_a = 0, walk_b = 0;
  for (int t = 0; t < 600; ++t) {
    noise = 0.8 * noise + 0.3 * random.normal();
    walk_a += random.normal();
    walk_b += random.normal();
    text << t << "," << 3 * std::sin(2 * M_PI * t / 12) + noise << "," << walk_a << ","
         << 3 * std::cos(2 * M_PI * t / 12) + noise << "," << walk_b << ",2\n";
  }
  return text.str();
}

TEST_F(Forecast, EachSeriesHasTheModelThatIsBestForIt) {
  const auto file = write("mixed.csv", mixed_series());
  const auto columns = "--horizon 2 --model nlinear --targets wave_a,walk_a,wave_b,walk_b,flat ";
  const auto outcome = run_program(forecast(file, columns));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("\nNLinear: 2 series (wave_a, wave_b), "), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("lower backtest error than the best naive forecast of each\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("\nLast value: 2 series (walk_a, walk_b), where nothing beats this naive forecast"),
            std::string::npos);
  EXPECT_NE(outcome.out.find("\nconstant: 1 series (flat), forecast as itself\n"), std::string::npos);
  const auto table = text_of("f.csv");
  EXPECT_NE(table.find(",wave_a_model,walk_a_model,wave_b_model,walk_b_model,flat_model\n"), std::string::npos);
  EXPECT_NE(table.find(",nlinear,naive-last,nlinear,naive-last,naive-last\n"), std::string::npos) << table;
  const auto picture = text_of("f.svg");
  EXPECT_NE(picture.find("wave_a, by NLinear"), std::string::npos);
  EXPECT_NE(picture.find("walk_b, by Last value"), std::string::npos);

  const auto json = nlohmann::json::parse(run_program(forecast(file, columns + std::string("--json"))).out);
  EXPECT_EQ(json["series"]["wave_b"]["model"], "nlinear");
  EXPECT_EQ(json["series"]["wave_b"]["beats_naive"], true);
  EXPECT_EQ(json["series"]["walk_a"]["model"], "naive-last");
  EXPECT_EQ(json["series"]["walk_a"]["beats_naive"], false);
  EXPECT_EQ(json["series"]["walk_a"]["mae"], json["series"]["walk_a"]["naive_mae"]);
  EXPECT_EQ(json["chosen"], "nlinear");
  const auto alone =
      nlohmann::json::parse(run_program(forecast(file, "--horizon 2 --model nlinear --targets walk_a --json")).out);
  EXPECT_EQ(alone["series"]["walk_a"]["forecast"], json["series"]["walk_a"]["forecast"]);
  EXPECT_EQ(alone["chosen"], "naive-last");
}

TEST_F(Forecast, OneSeriesSaysOfItsModelWhatItAlwaysDid) {
  const auto outcome =
      run_program(forecast(write("mixed.csv", mixed_series()), "--horizon 2 --model nlinear --targets wave_a"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("\nNLinear has a "), std::string::npos) << outcome.out;
  EXPECT_EQ(text_of("f.csv").find("_model"), std::string::npos);
  EXPECT_EQ(text_of("f.svg").find("wave_a, by"), std::string::npos);
}

TEST_F(Forecast, ALongListOfSeriesStaysALine) {
  std::ostringstream text;
  RandomStream random{2};
  for (int c = 0; c < 40; ++c) text << (c ? "," : "") << "a_rather_long_name_" << c;
  for (int t = 0; t < 60; ++t) {
    text << "\n";
    for (int c = 0; c < 40; ++c) text << (c ? "," : "") << random.normal();
  }
  const auto outcome = run_program(forecast(write("wide.csv", text.str()), "--horizon 1 --model mean"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("series (a_rather_long_name_"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find(" more)"), std::string::npos);
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);)
    if (line.find("backtest") == std::string::npos) {
      EXPECT_LT(line.size(), 200u) << line;
    }
}

TEST_F(Forecast, WhereNoTrainedModelIsAskedForNoTimeIsBlamed) {
  const auto outcome = run_program(forecast(write("a.csv", weeks("a", 0)), "--horizon 2 --targets a --model mean"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("No trained model is among the candidates (--model); this is the best naive forecast"),
            std::string::npos)
      << outcome.out;
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
  EXPECT_NE(text_of("f.csv").find("11,1,1,1,1,1,2,2,2,2,2,naive-last,naive-last\n12,1,1,1,1,1,2,2,2,2,2,"),
            std::string::npos);
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
  EXPECT_NE(filled.out.find("missing cells filled: 1"), std::string::npos) << filled.out;
}

/// Daily rows from 2024-01-01 on; `day` says what a day (Monday 0) has, "" for no row.
template <class Day>
std::string days(int count, const Day& day) {
  std::string text = "date,a\n";
  for (int t = 0; t < count; ++t) {
    char date[32];
    std::snprintf(date, sizeof date, "2024-%02d-%02d,", t < 31 ? 1 : 2, t < 31 ? t + 1 : t - 30);
    if (const std::string value = day(t); !value.empty()) text += date + value + "\n";
  }
  return text;
}

TEST_F(Forecast, AbsentRowsAreRefusedOrInserted) {
  const auto file = write("absent.csv", days(60, [](int t) { return t == 40 ? "" : std::to_string(t % 7); }));
  const auto refused = run_program(forecast(file, "--horizon 2"));
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.out.find("absent.csv:42: no row for 2024-02-10 before this one (1 of 60 rows are absent, daily)"),
            std::string::npos)
      << refused.out;
  const auto filled = run_program(forecast(file, "--horizon 2 --missing interpolate --model naive-last --json"));
  ASSERT_EQ(filled.code, 0) << filled.out;
  const auto json = nlohmann::json::parse(filled.out);
  EXPECT_EQ(json["rows"], 60);
  EXPECT_EQ(json["inserted_rows"], 1);
  EXPECT_EQ(json["filled_cells"], 1);
  EXPECT_EQ(json["season"], 7);
}

TEST_F(Forecast, ColumnsThatAreNotPlainlyNumericAreLeftOutAndNamed) {
  std::string text = "id,share,remark,load,price\n";
  for (int t = 0; t < 60; ++t)
    text += "123 456 " + std::to_string(100 + t) + "," + std::to_string(t % 5) + " %,ok," + std::to_string(t % 7) +
            (t == 30 ? ",?!\n" : ",3\n");
  const auto file = write("dressed.csv", text);
  const auto stray = run_program(forecast(file, "--horizon 2 --model naive-last"));
  EXPECT_EQ(stray.code, 2);
  EXPECT_NE(stray.out.find("dressed.csv:32:5: '?!' in column 'price' is not a number (--targets chooses other"),
            std::string::npos)
      << stray.out;
  const auto chosen = run_program(forecast(file, "--horizon 2 --model naive-last --targets load"));
  ASSERT_EQ(chosen.code, 0) << chosen.out;
  EXPECT_NE(chosen.out.find("\nleft out, not numeric: remark, price\nleft out, not plain numbers: id, share; write "
                            "them without currency, percent and thousands signs, like -1200.5, to include them\n"),
            std::string::npos)
      << chosen.out;
  text.replace(text.find("?!"), 2, "4");
  const auto all = run_program(forecast(write("mended.csv", text), "--horizon 2 --model naive-last --json"));
  ASSERT_EQ(all.code, 0) << all.out;
  const auto json = nlohmann::json::parse(all.out);
  EXPECT_EQ(json["ignored_columns"], nlohmann::json({"id", "share", "remark"}));
  EXPECT_EQ(json["series"].size(), 2u);
}

TEST_F(Forecast, HolidaysAreNoAbsentRows) {
  const auto file =
      write("business.csv", days(60, [](int t) { return t % 7 > 4 || t == 14 ? "" : std::to_string(t % 7); }));
  const auto outcome = run_program(forecast(file, "--horizon 2 --model naive-last"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("43 rows, 1 series, business days"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("1 date of this calendar without a row, the first 2024-01-15; taken as time off\n"),
            std::string::npos)
      << outcome.out;
  const auto json = nlohmann::json::parse(run_program(forecast(file, "--horizon 2 --model naive-last --json")).out);
  EXPECT_EQ(json["remark"], "1 date of this calendar without a row, the first 2024-01-15; taken as time off");
  EXPECT_EQ(json["inserted_rows"], 0);
  EXPECT_NE(text_of("f.csv").find("\n2024-03-01,"), std::string::npos);
  EXPECT_NE(text_of("f.csv").find("\n2024-03-04,"), std::string::npos);
}

TEST_F(Forecast, KeepsTheDigitsThatTheSeriesHas) {
  std::ostringstream text;
  text.precision(17);
  text << "step,large,mixed,flat\n";
  for (int t = 0; t < 120; ++t)
    text << t << "," << 1e12 + 0.5 * (t % 7) << "," << (t == 50 ? 1e7 : 0.25 * (t % 7)) << ",50000.1\n";
  const auto file = write("digits.csv", text.str());
  const auto outcome = run_program(forecast(file, "--horizon 7 --targets large,mixed,flat --model naive-last --json"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const auto json = nlohmann::json::parse(outcome.out);
  std::istringstream rows(text_of("f.csv"));
  std::string row;
  std::getline(rows, row);
  for (std::size_t step = 0; std::getline(rows, row); ++step) {
    std::vector<std::string> cells;
    std::istringstream parts(row);
    for (std::string cell; std::getline(parts, cell, ',');) cells.push_back(cell);
    for (std::size_t c = 0; c < 3; ++c) {
      const char* names[] = {"large", "mixed", "flat"};
      const auto value = json["series"][names[c]]["forecast"][step].get<double>();
      const double noise = c == 1 ? 1e-5 * std::max(1.0, std::abs(value)) : 2e-5;  // deviations: 1, 9e5, 0
      EXPECT_NEAR(std::stod(cells.at(1 + 5 * c)), value, noise) << row;
    }
    EXPECT_EQ(cells.at(11), "50000.1");
  }
}

TEST_F(Forecast, WritesToADescriptor) {
  const auto file = write("a.csv", weeks("a", 0));
  const auto to_stdout = run_program("forecast " + file + " --horizon 2 --targets a --model naive-last --quiet --svg " +
                                     (folder_ / "f.svg").string() + " --out /dev/stdout");
  ASSERT_EQ(to_stdout.code, 0) << to_stdout.out;
  EXPECT_EQ(to_stdout.out.find("step,a,a_lo80,"), 0u) << to_stdout.out;
  EXPECT_NE(to_stdout.out.find("wrote /dev/stdout and "), std::string::npos) << to_stdout.out;
}

TEST_F(Forecast, RowsThatAreNumberedAlreadyAreASeries) {
  const auto outcome = run_program(forecast(write("a.csv", weeks("a", 0)), "--horizon 2 --model naive-last"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_EQ(text_of("f.csv").find("step_number,step,step_lo80,"), 0u);
}

TEST_F(Forecast, TheForecastLiesInItsIntervals) {
  std::string text = "a\n";
  for (int t = 0; t < 60; ++t) text += std::to_string(t * t) + "\n";  // the last value is always too low
  const auto outcome = run_program(forecast(write("up.csv", text), "--horizon 2 --model naive-last --json"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const auto a = nlohmann::json::parse(outcome.out)["series"]["a"];
  for (int step = 0; step < 2; ++step) {
    EXPECT_LE(a["lo95"][step], a["lo80"][step]);
    EXPECT_LE(a["lo80"][step], a["forecast"][step]);
    EXPECT_LE(a["forecast"][step], a["hi80"][step]);
  }
}

TEST_F(Forecast, ANameMayHaveCommas) {
  std::string text = "\"a, b\",c,d\n";
  for (int t = 0; t < 60; ++t) text += std::to_string(t % 7) + ",1,2\n";
  const auto file = write("commas.csv", text);
  const auto outcome = run_program(forecast(file, "--horizon 2 --targets 'c,a, b' --model naive-last --json"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const auto series = nlohmann::json::parse(outcome.out)["series"];
  EXPECT_EQ(series.size(), 2u);
  EXPECT_TRUE(series.contains("a, b"));
}

TEST_F(Forecast, SecondsSince1970AreDates) {
  std::string text = "ts,a\n";
  for (int t = 0; t < 60; ++t) text += std::to_string(1600000000 + 3600 * t) + "," + std::to_string(t % 7) + "\n";
  const auto outcome = run_program(forecast(write("ts.csv", text), "--horizon 1 --model naive-last --json"));
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["frequency"], "hourly");
  EXPECT_EQ(json["dates"][0], std::to_string(1600000000 + 3600 * 60));
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
      {good + " --horizon 2 --targets ,", "--targets names no column; expected some of load, flat"},
      {good + " --horizon 2 --targets load,load", "--targets names 'load' twice"},
      {good + " --horizon 2 --seed 99999999999999999999",
       "--seed: is 99999999999999999999; expected a whole number from 0 to 9223372036854775807"},
      {good + " --horizon 2 --lookback -4", "--lookback: is -4; expected at least 1"},
      {write("huge.csv", weeks("a", 1e301)) + " --horizon 2", "huge.csv:2: column a has 1e+301; expected numbers"},
      {write("clash.csv", "a,a_lo80\n1,2\n2,3\n3,4\n4,5\n") + " --horizon 1", "would have two columns 'a_lo80'"},
      {write("thousands.csv", "a\n\"1,104\"\n\"1,204\"\n\"1,304\"\n") + " --horizon 1",
       "thousands.csv:2:1: '1,104' in column 'a' is not a plain number"},
      {write("percent.csv", "a,b\n1,5 %\n2,6 %\n3,7 %\n") + " --horizon 1 --targets b",
       "percent.csv:2:2: '5 %' in column 'b' is not a plain number; write it without currency, percent and thousands "
       "signs, like -1200.5"},
      {write("stray.csv", "a,b\n1,5\n2,x6\n3,7\n") + " --horizon 1",
       "stray.csv:3:2: 'x6' in column 'b' is not a number (--targets chooses other columns)"},
      {write("zones.csv",
             "date,a\n2024-03-30T00:00:00+01:00,1\n2024-03-31T00:00:00+01:00,2\n"
             "2024-04-01T00:00:00+02:00,3\n2024-04-02T00:00:00+02:00,3\n") +
           " --horizon 1",
       "zones.csv:4: the offset from UTC changes from +01:00 to +02:00; expected one for all rows"},
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
