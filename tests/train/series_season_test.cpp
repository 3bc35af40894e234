#include "longwave/train/series_season.h"

#include <gtest/gtest.h>

#include <cmath>

#include "longwave/base/random.h"

namespace longwave {
namespace {

/// One column for each of `periods`, a wave of that period (0: none) with noise.
UserSeries waves(std::int64_t rows, std::vector<double> periods, std::int64_t clock) {
  UserSeries series;
  series.rows = rows;
  series.season = clock;
  RandomStream random{4, 0};
  for (std::size_t j = 0; j < periods.size(); ++j) series.names.push_back("v" + std::to_string(j));
  for (std::int64_t t = 0; t < rows; ++t)
    for (const double period : periods)
      series.values.push_back((period > 0 ? std::sin(2 * M_PI * static_cast<double>(t) / period) : 0) +
                              0.2 * random.normal());
  return series;
}

TEST(SeriesSeason, IsTheOneWhoseRepetitionIsWrongByLeast) {
  EXPECT_EQ(find_season(waves(400, {12}, 0), 20), 12);
  EXPECT_EQ(find_season(waves(400, {24, 0, 0, 0}, 24), 20), 24) << "noise has no vote";
  EXPECT_EQ(find_season(waves(400, {10}, 24), 20), 10) << "the clock is not believed blindly";
  EXPECT_EQ(find_season(waves(400, {12}, 24), 20), 24) << "as good within 5 %: the clock's own";
}

TEST(SeriesSeason, LeavesRowsForTheRest) {
  EXPECT_EQ(find_season(waves(40, {12}, 12), 28), 12);
  EXPECT_EQ(find_season(waves(40, {12}, 12), 29), 0);
}

}  // namespace
}  // namespace longwave
