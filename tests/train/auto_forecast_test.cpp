#include "longwave/train/auto_forecast.h"

#include <gtest/gtest.h>

#include <cmath>

#include "longwave/base/random.h"
#include "longwave/train/forecast_backtest.h"
#include "longwave/train/forecast_choice.h"
#include "tests/support/error_message.h"

namespace longwave {
namespace {

UserSeries walk(RandomStream& random, std::int64_t rows) {
  UserSeries series;
  series.names = {"walk"};
  series.rows = rows;
  double level = 0;
  for (std::int64_t t = 0; t < rows; ++t) series.values.push_back(level += random.normal());
  return series;
}

TEST(ForecastChoice, IsMadeForEachSeriesByItsOwnErrors) {
  Residuals last{4, 1, 3, {}}, mean = last, trained = last;
  const double lucky[] = {0.9, -1.2, 0.9, -0.9};
  for (int o = 0; o < 4; ++o) {
    const double sign = o % 2 ? -1 : 1;
    last.values.insert(last.values.end(), {sign * (1 + 0.1 * o), sign, 8});
    mean.values.insert(mean.values.end(), {2, 2, 4});
    trained.values.insert(trained.values.end(), {sign * 0.5, lucky[o], 5});
  }
  const std::vector<std::string> names{"naive-last", "mean", "nlinear"};
  const std::map<std::string, Residuals> errors{{"naive-last", last}, {"mean", mean}, {"nlinear", trained}};
  const auto choices = choose_by_series(names, errors, {1, 1, 2}, 4);
  ASSERT_EQ(choices.size(), 3u);
  EXPECT_EQ(choices[0].model, "nlinear");
  EXPECT_TRUE(choices[0].beats_naive);
  EXPECT_EQ(choices[0].naive, "naive-last");
  EXPECT_DOUBLE_EQ(choices[0].mae, 0.5);
  EXPECT_DOUBLE_EQ(choices[0].naive_mae, 1.15);
  EXPECT_EQ(choices[1].model, "naive-last") << "lower by chance";
  EXPECT_FALSE(choices[1].beats_naive);
  EXPECT_EQ(choices[2].model, "mean");
  EXPECT_DOUBLE_EQ(choices[2].mae, 2) << "in units of the series";
  EXPECT_EQ(choose_by_series(names, errors, {1, 1, 2}, 2)[0].model, "naive-last") << "two horizons tell nothing";
  const Residuals one{2, 1, 1, {1, -1}};
  EXPECT_EQ(choose_by_series({"naive-last", "mean"}, {{"mean", one}, {"naive-last", one}}, {1}, 2)[0].model,
            "naive-last")
      << "of equals the first";
}

TEST(AutoForecast, IntervalsOfShortWalksHoldWhatComes) {
  constexpr std::int64_t kWalks = 150, kRows = 120;
  RandomStream random{8};
  AutoForecastOptions options;
  options.horizon = 12;
  options.candidates = {"naive-last"};
  double held80 = 0, held95 = 0;
  for (std::int64_t i = 0; i < kWalks; ++i) {
    auto known = walk(random, kRows + options.horizon);
    const std::vector<double> truth(known.values.begin() + kRows, known.values.end());
    known.values.resize(kRows);
    known.rows = kRows;
    const auto result = auto_forecast(known, options);
    Residuals errors{1, options.horizon, 1, {}};
    for (std::int64_t step = 0; step < options.horizon; ++step)
      errors.values.push_back(truth[step] - result.forecast[step]);
    held80 += coverage(errors, result.interval80, 0, 1) / kWalks;
    held95 += coverage(errors, result.interval95, 0, 1) / kWalks;
  }
  EXPECT_NEAR(held80, 0.8, 0.08);  // it was 0.55 and 0.70
  EXPECT_NEAR(held95, 0.95, 0.05);
}

TEST(AutoForecast, NaiveErrorsComeFromFurtherBackThanTheBacktest) {
  RandomStream random{8};
  AutoForecastOptions options;
  options.horizon = 12;
  const auto plan = make_plan(walk(random, 120), options);
  EXPECT_EQ(plan.reach_from, plan.lookback);
  EXPECT_GT(plan.test_from, plan.reach_from);
  options.horizon = 1;
  const auto enough = make_plan(walk(random, 400), options);
  EXPECT_EQ(enough.reach_from, enough.test_from) << "the backtest is long enough";
}

TEST(AutoForecast, ACandidateWhoseScoringAloneTakesTooLongIsRefused) {
  RandomStream random{8};
  const auto series = walk(random, 120);
  AutoForecastOptions options;
  options.horizon = 2;
  const auto plan = make_plan(series, options);
  const auto data = backtest_data(series, plan, options.horizon, plan.test_from);
  EXPECT_NE(testing::message([&] {
              try_candidate(series, plan, data, "nlinear", options, 1e-9);
            }).find("too slow: scoring alone takes about 1 of its 0 seconds"),
            std::string::npos);
  EXPECT_EQ(try_candidate(series, plan, data, "mean", options, -1).score.epochs, 0) << "a naive one is always tried";
}

}  // namespace
}  // namespace longwave
