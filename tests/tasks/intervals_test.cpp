#include "longwave/tasks/intervals.h"

#include <gtest/gtest.h>

#include <cmath>

#include "longwave/base/random.h"

namespace longwave {
namespace {

Residuals normal_residuals(std::int64_t origins, std::int64_t horizon, std::int64_t channels) {
  RandomStream random{11};
  Residuals r{origins, horizon, channels, {}};
  for (std::int64_t o = 0; o < origins; ++o)
    for (std::int64_t s = 0; s < horizon; ++s)
      for (std::int64_t c = 0; c < channels; ++c) r.values.push_back((c + 1) * std::sqrt(s + 1.0) * random.normal());
  return r;
}

TEST(Intervals, CoverFutureResidualsAsPromised) {
  const auto r = normal_residuals(600, 5, 2);
  for (const double level : {0.8, 0.95}) {
    const auto intervals = calibrate(r, level, 0, 300);
    EXPECT_NEAR(coverage(r, intervals, 300, 600), level, 0.03) << level;
  }
}

TEST(Intervals, WidenWithTheStepAndTheChannelsScale) {
  const auto r = normal_residuals(2000, 4, 2);
  const auto i = calibrate(r, 0.8, 0, 2000);
  EXPECT_NEAR(i.high[0], 1.2816, 0.15);         // 90 % quantile of the standard normal
  EXPECT_NEAR(i.low[1], -2 * 1.2816, 0.3);      // channel 2 is twice as wide
  EXPECT_NEAR(i.high[3 * 2], 2 * 1.2816, 0.3);  // step 4: sqrt(4)
}

TEST(Intervals, FewOriginsBorrowFromNeighbouringSteps) {
  const auto r = normal_residuals(4, 48, 1);
  const auto i = calibrate(r, 0.95, 0, 4);
  EXPECT_GT(coverage(r, i, 0, 4), 0.9);
  EXPECT_LT(i.low[24], 0);
  EXPECT_GT(i.high[24], 0);
}

TEST(Intervals, ReachFromTheForecastToASingleResidual) {
  const Residuals r{1, 1, 1, {0.5}};
  const auto i = calibrate(r, 0.8, 0, 1);
  EXPECT_EQ(i.low[0], 0);
  EXPECT_GE(i.high[0], 0.5);
}

TEST(Intervals, ErrorsOfAnOriginAreInUnitsOfTheSeries) {
  const Residuals r{2, 1, 2, {1, -4, 0, 2}};
  EXPECT_EQ(origin_errors(r, {1, 2}), (std::vector<double>{1.5, 0.5}));
}

TEST(Intervals, ChanceIsNotAnImprovement) {
  const std::vector<double> naive{1, 1.2, 0.9, 1.1}, lucky{1.1, 1.0, 1.0, 1.05}, better{0.8, 1.0, 0.75, 0.85};
  EXPECT_FALSE(clearly_lower(lucky, naive, 4));
  EXPECT_TRUE(clearly_lower(better, naive, 4));
  EXPECT_FALSE(clearly_lower(naive, better, 4));
  EXPECT_FALSE(clearly_lower(naive, naive, 4));
  EXPECT_FALSE(clearly_lower(better, naive, 2)) << "two horizons tell nothing of chance";
}

TEST(Intervals, OfFewResidualsTheWiderLevelIsWider) {
  const Residuals r{1, 8, 1, {-3, -2, -1, 0, 1, 2, 3, 4}};
  const auto narrow = calibrate(r, 0.8, 0, 1), wide = calibrate(r, 0.95, 0, 1);
  EXPECT_GE(narrow.high[3], 4);
  EXPECT_GT(wide.high[3], 1.3 * narrow.high[3]);  // normal quantiles 1.96 and 1.28
  EXPECT_LT(wide.high[3], 1.7 * narrow.high[3]);
  EXPECT_LT(wide.low[3], 1.3 * narrow.low[3]);
}

}  // namespace
}  // namespace longwave
