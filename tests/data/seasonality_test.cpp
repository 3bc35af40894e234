#include "longwave/data/seasonality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "longwave/base/random.h"

namespace longwave {
namespace {

std::vector<double> waves(std::int64_t rows, std::int64_t period, double noise, double trend) {
  RandomStream random{7};
  std::vector<double> x(rows);
  for (std::int64_t t = 0; t < rows; ++t)
    x[t] = std::sin(2 * std::numbers::pi * t / period) + trend * t + noise * random.normal();
  return x;
}

TEST(Seasonality, FindsThePeriodUnderNoiseAndTrend) {
  for (const std::int64_t period : {7, 12, 24, 96}) {
    const auto x = waves(8 * period + 5, period, 0.3, 0.01);
    EXPECT_NEAR(detect_period(x.data(), std::ssize(x)), period, period / 24.0) << period;
  }
}

TEST(Seasonality, WhiteNoiseWalksAndConstantsHaveNone) {
  RandomStream random{3};
  std::vector<double> noise(500), walk(500), constant(500, 4.2);
  for (std::size_t t = 0; t < noise.size(); ++t) {
    noise[t] = random.normal();
    walk[t] = (t ? walk[t - 1] : 0) + 1;  // a straight line
  }
  EXPECT_EQ(detect_period(noise.data(), 500), 0);
  EXPECT_EQ(detect_period(walk.data(), 500), 0);
  EXPECT_EQ(detect_period(constant.data(), 500), 0);
}

TEST(Seasonality, ShortSeriesHaveNone) {
  const std::vector<double> x{1, 2, 1, 2};
  EXPECT_EQ(detect_period(x.data(), 4), 0);
}

TEST(Seasonality, ChannelsVote) {
  const auto a = waves(200, 12, 0.1, 0), b = waves(200, 12, 0.2, 0), c = waves(200, 30, 0.1, 0);
  std::vector<double> all;
  for (std::size_t t = 0; t < a.size(); ++t) all.insert(all.end(), {a[t], b[t], c[t]});
  EXPECT_EQ(detect_period(all, 200, 3), 12);
}

}  // namespace
}  // namespace longwave
