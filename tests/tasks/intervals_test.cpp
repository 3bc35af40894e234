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
  for (const double level : {0.8, 0.95}) EXPECT_NEAR(later_coverage(r, level), level, 0.03) << level;
}

TEST(Intervals, WidenWithTheStepAndTheChannelsScale) {
  const auto r = normal_residuals(2000, 4, 2);
  const auto i = calibrate(r, 0.8, 0, 2000);
  EXPECT_NEAR(i.high[0], 1.2816, 0.15);         // 90 % quantile of the standard normal
  EXPECT_NEAR(i.low[1], -2 * 1.2816, 0.3);      // channel 2 is twice as wide
  EXPECT_NEAR(i.high[3 * 2], 2 * 1.2816, 0.3);  // step 4: sqrt(4)
}

/// Errors of the last value on a random walk of `rows` rows, at every row.
Residuals walk_residuals(RandomStream& random, std::int64_t rows, std::int64_t horizon) {
  std::vector<double> walk{0};
  for (std::int64_t t = 1; t < rows; ++t) walk.push_back(walk.back() + random.normal());
  Residuals r{rows - horizon, horizon, 1, {}};
  for (std::int64_t o = 0; o < r.origins; ++o)
    for (std::int64_t s = 1; s <= horizon; ++s) r.values.push_back(walk[o + s] - walk[o]);
  return r;
}

TEST(Intervals, OverlappingOriginsCoverTheFutureOfAWalk) {
  constexpr std::int64_t kWalks = 300, kHorizon = 12;
  RandomStream random{3};
  for (const double level : {0.8, 0.95}) {
    double held = 0, width = 0;
    for (std::int64_t i = 0; i < kWalks; ++i) {
      const auto r = walk_residuals(random, 90, kHorizon);
      const auto intervals = calibrate(r, level, 0, r.origins);
      width += (intervals.high[kHorizon - 1] - intervals.low[kHorizon - 1]) / kWalks;
      held += coverage(walk_residuals(random, kHorizon + 1, kHorizon), intervals, 0, 1) / kWalks;
    }
    EXPECT_NEAR(held, level, 0.05) << level;
    EXPECT_LT(width, 1.5 * 2 * (level == 0.8 ? 1.28 : 1.96) * std::sqrt(kHorizon)) << level;
  }
}

TEST(Intervals, OverlappingOriginsAreFewIndependentOnes) {
  EXPECT_EQ(independent_errors(100, 1, 1), 100);
  EXPECT_NEAR(independent_errors(10000, 1, 24), 10000 / (2 * 24 / 3.0), 5);  // sum of (1 - k / 24)^2 over both sides
  EXPECT_EQ(independent_errors(100, 24, 24), 100) << "far enough apart";
  EXPECT_EQ(independent_errors(1, 1, 24), 1);
}

TEST(Intervals, ALopsidedLawIsLearntFromManyOrigins) {
  RandomStream random{5};
  Residuals r{2000, 1, 1, {}};
  for (int i = 0; i < 2000; ++i) r.values.push_back(-std::log(1 - random.uniform()) - 1);  // exponential, mean 0
  const auto i = calibrate(r, 0.8, 0, 2000);
  EXPECT_NEAR(i.low[0], std::log(1 / 0.9) - 1, 0.08);
  EXPECT_NEAR(i.high[0], std::log(1 / 0.1) - 1, 0.15);
}

TEST(Intervals, ASingleErrorIsTakenAsOfANormalLaw) {
  const Residuals r{1, 1, 1, {0.5}};
  const auto narrow = calibrate(r, 0.8, 0, 1), wide = calibrate(r, 0.95, 0, 1);
  const double scale = 0.5 * std::sqrt(M_PI / 2);
  EXPECT_NEAR(narrow.high[0], 1.638 * scale, 0.03);  // Student's quantiles, 3 degrees of freedom
  EXPECT_NEAR(narrow.low[0], -1.638 * scale, 0.09);  // the one error has a small say: it was positive
  EXPECT_NEAR(wide.high[0], 3.182 * scale, 0.12);
}

TEST(Intervals, OneStepsChanceDoesNotNarrowTheNext) {
  Residuals r{20, 4, 1, {}};
  for (int o = 0; o < 20; ++o)
    for (const double error : {1.0, 2.0, 0.5, 2.5}) r.values.push_back(o % 2 ? error : -error);
  const auto i = calibrate(r, 0.8, 0, 20);
  EXPECT_GT(i.high[2], 0.4 * i.high[1]);  // a quarter by its own errors
  EXPECT_LT(i.high[2], i.high[1]);
  EXPECT_LT(i.high[0], 0.65 * i.high[1]);
}

TEST(Intervals, FollowTheSizeOfRecentErrors) {
  RandomStream random{6};
  Residuals grown{200, 3, 1, {}}, shrunk = grown;
  for (int o = 0; o < 200; ++o)
    for (int s = 0; s < 3; ++s) grown.values.push_back((o < 120 ? 1 : 3) * random.normal());
  shrunk.values.assign(grown.values.rbegin(), grown.values.rend());
  const auto wide = calibrate(grown, 0.8, 0, 200), narrow = calibrate(shrunk, 0.8, 0, 200);
  for (int s = 0; s < 3; ++s) EXPECT_GT(wide.high[s], 1.25 * narrow.high[s]) << s;
  EXPECT_LT(wide.high[0], 3 * 1.2816);
}

TEST(Intervals, HoldWhatComesWhereTheSizeOfErrorsDrifts) {
  constexpr int kPaths = 400, kKnown = 300;
  RandomStream random{7};
  double held = 0, narrow_held = 0, later = 0;
  for (int path = 0; path < kPaths; ++path) {
    double size = 0;
    Residuals r{kKnown + 1, 1, 1, {}};
    for (int o = 0; o <= kKnown; ++o) {
      size = 0.99 * size + 0.1 * random.normal();
      r.values.push_back(std::exp(size) * random.normal());
    }
    held += coverage(r, calibrate(r, 0.95, 0, kKnown), kKnown, kKnown + 1) / kPaths;
    narrow_held += coverage(r, calibrate(r, 0.8, 0, kKnown), kKnown, kKnown + 1) / kPaths;
    later += later_coverage(r, 0.95) / kPaths;
  }
  EXPECT_NEAR(held, 0.95, 0.02);
  EXPECT_NEAR(narrow_held, 0.8, 0.03);
  EXPECT_NEAR(later, 0.95, 0.02);
}

TEST(Intervals, TheCoverageIsOfOriginsThatTheIntervalsDoNotKnow) {
  Residuals r{40, 4, 1, {}};
  const auto error_of = [](int origin) { return origin < 17 ? 0.1 : origin < 20 ? 1e9 : 5; };
  for (int o = 0; o < 40; ++o)
    for (int s = 0; s < 4; ++s) r.values.push_back(error_of(o));
  EXPECT_EQ(later_coverage(r, 0.95), 0.95) << "truths of origins 17 to 19 are known behind origin 20 alone";
  for (int s = 0; s < 4; ++s) r.values[16 * 4 + s] = 1e9;
  EXPECT_EQ(later_coverage(r, 0.95), 1);
  EXPECT_TRUE(std::isnan(later_coverage(normal_residuals(7, 4, 1), 0.8))) << "none of 3 is known before the 4th";
}

TEST(Intervals, ErrorsOfAnOriginAreThoseOfOneSeries) {
  const Residuals r{2, 2, 2, {1, -4, 0, 2, 3, 1, -3, 1}};
  EXPECT_EQ(origin_errors(r, 0), (std::vector<double>{0.5, 3}));
  EXPECT_EQ(origin_errors(r, 1), (std::vector<double>{3, 1}));
  EXPECT_EQ(r.of_channel(1).values, (std::vector<double>{-4, 2, 1, 1}));
}

TEST(Intervals, ChanceIsNotAnImprovement) {
  const std::vector<double> naive{1, 1.2, 0.9, 1.1}, lucky{1.1, 1.0, 1.0, 1.05}, better{0.8, 1.0, 0.75, 0.85};
  EXPECT_FALSE(clearly_lower(lucky, naive, 4));
  EXPECT_TRUE(clearly_lower(better, naive, 4));
  EXPECT_FALSE(clearly_lower(naive, better, 4));
  EXPECT_FALSE(clearly_lower(naive, naive, 4));
  EXPECT_FALSE(clearly_lower(better, naive, 2)) << "two horizons tell nothing of chance";
}

}  // namespace
}  // namespace longwave
