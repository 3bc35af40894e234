// The laws of in-context regression, chirps and motifs.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/data/sequence_set_testing.h"

namespace longwave {
namespace {

TEST(Regression, TargetsStandAtTheirPointAndAreShownBehindIt) {
  const auto data = make_set("regression", {{"dimensions", 3}, {"points", 5}});
  EXPECT_EQ(data->facts().channels, 3);
  SequenceExample sample;
  double x_square = 0, y_square = 0;
  for (int i = 0; i < 2000; ++i) {
    data->example(Split::train, i, sample);
    for (std::size_t t = 0; t < 10; ++t) {
      const auto* row = sample.first.values.data() + 3 * t;
      if (t % 2 == 1) {
        EXPECT_TRUE(std::isnan(sample.target_values[t]));
        EXPECT_EQ(row[0], sample.target_values[t - 1]);
        EXPECT_TRUE(row[1] == 0 && row[2] == 0);
        y_square += row[0] * row[0];
      } else {
        for (int k = 0; k < 3; ++k) x_square += row[k] * row[k];
      }
    }
  }
  EXPECT_NEAR(x_square / 30000, 1, 0.05);
  EXPECT_NEAR(y_square / 10000, 3, 0.4);
}

TEST(Regression, FourPointsInThreeDimensionsAreLinearlyDependent) {
  const auto data = make_set("regression", {{"dimensions", 1}, {"points", 4}});
  SequenceExample sample;
  for (int i = 0; i < 20; ++i) {
    data->example(Split::val, i, sample);
    const auto& v = sample.first.values;
    for (std::size_t t = 2; t < 8; t += 2) EXPECT_NEAR(v[t + 1] * v[0], v[1] * v[t], 1e-4) << "one slope a sample";
  }
}

TEST(Regression, LeastSquaresLeavesWhatTheoryLeaves) {
  // Point i of d dimensions, i - 1 seen: 1 - (i - 1) / d is left, and nothing from point d + 1 on.
  const auto data = make_set("regression", {{"dimensions", 5}, {"points", 11}});
  EXPECT_NEAR(score_of(*data, "zero predictor"), 1, 1e-12);
  EXPECT_NEAR(score_of(*data, "least squares"), (1 + 0.8 + 0.6 + 0.4 + 0.2) / 11, 0.02);
  EXPECT_GT(score_of(*data, "average of y x"), 0.3);
  EXPECT_GT(score_of(*data, "three nearest neighbours"), 0.3);
}

TEST(Regression, TheCurriculumGrowsWithTheNumberOfTheTrainingSample) {
  const auto data = make_set("regression", {{"dimensions", 7}, {"points", 14}, {"curriculum", 10}});
  EXPECT_TRUE(data->facts().in_order);
  const auto used = [&](Split split, std::int64_t index) {
    const auto sample = example_of(*data, split, index);
    std::int64_t most = 0;
    for (std::size_t t = 0; t < sample.target_values.size(); t += 2)
      for (std::int64_t i = 0; i < 7; ++i)
        if (sample.first.values[t * 7 + static_cast<std::size_t>(i)] != 0) most = std::max(most, i + 1);
    EXPECT_EQ(std::ssize(sample.target_values), data->length(split, index));
    return std::pair{most, data->length(split, index)};
  };
  using Pair = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(used(Split::train, 9), (Pair{5, 22}));
  EXPECT_EQ(used(Split::train, 10), (Pair{6, 26}));
  EXPECT_EQ(used(Split::train, 20), (Pair{7, 28}));
  EXPECT_EQ(used(Split::train, 500), (Pair{7, 28}));
  EXPECT_EQ(used(Split::test, 0), (Pair{7, 28}));
}

TEST(Regression, OptionsMakeItSparseOrNoisy) {
  const auto sparse = make_set("regression", {{"dimensions", 6}, {"points", 7}, {"nonzero", 2}});
  SequenceExample sample;
  double square = 0;
  for (int i = 0; i < 2000; ++i) {
    sparse->example(Split::train, i, sample);
    for (std::size_t t = 0; t < 14; t += 2) square += std::pow(sample.target_values[t], 2);
  }
  EXPECT_NEAR(square / 14000, 2, 0.3);
  const auto plain = make_set("regression", {{"dimensions", 2}, {"points", 40}});
  const auto noisy = make_set("regression", {{"dimensions", 2}, {"points", 40}, {"noise", 1.5}});
  EXPECT_LT(score_of(*plain, "least squares"), 0.06);
  EXPECT_GT(score_of(*noisy, "least squares"), 1.5 * 1.5 / (2 + 1.5 * 1.5) * 0.9);  // the noise cannot be foretold
  EXPECT_THROW(make_set("regression", {{"dimensions", 2}, {"nonzero", 3}}), UserError);
}

TEST(Chirps, EverySecondStepIsOfTheSameSample) {
  const auto whole = make_set("chirps", {{"steps", 101}}), half = make_set("chirps", {{"steps", 101}, {"every", 2}});
  SequenceExample a, b;
  whole->example(Split::test, 4, a);
  half->example(Split::test, 4, b);
  EXPECT_EQ(a.label, b.label);
  ASSERT_EQ(b.first.values.size(), 51u);
  for (std::size_t t = 0; t < 51; ++t) EXPECT_EQ(a.first.values[2 * t], b.first.values[t]);
}

TEST(Chirps, FrequencyRisesAtTheRateOfTheClassAndNoiseHasItsPower) {
  const auto pure = make_set("chirps", {{"snr", 200.0}}), noisy = make_set("chirps", Json::object());
  SequenceExample sample;
  double power = 0;
  int labels[10] = {};
  for (int i = 0; i < 500; ++i) {
    noisy->example(Split::train, i, sample);
    ++labels[sample.label];
    for (const auto v : sample.first.values) power += v * v;
    pure->example(Split::train, i, sample);
    // Crossings of zero in the last fifth less those in the first: 2 x 200 x 0.8 x the rise.
    const auto crossings = [&](std::size_t begin) {
      int count = 0;
      for (auto t = begin; t < begin + 200; ++t)
        count += (sample.first.values[t] > 0) != (sample.first.values[t - 1] > 0);
      return count;
    };
    EXPECT_NEAR(crossings(800) - crossings(1), 320 * 0.02 * (sample.label + 1), 2.5) << sample.label;
  }
  EXPECT_NEAR(power / 500000, 2, 0.05);
  for (const auto count : labels) EXPECT_NEAR(count, 50, 35);
}

TEST(Chirps, CanBeToldByAMatchedFilterAtBothRates) {
  for (const int every : {1, 2}) {
    const auto data = make_set("chirps", {{"every", every}, {"test_samples", 100}});
    EXPECT_GT(score_of(*data, "matched filter"), 0.97);
    EXPECT_NEAR(score_of(*data, "chance"), 0.1, 1e-12);
  }
}

TEST(Motifs, MotifWithOneWrongLetterIsThereOrNotAndNothingElseTells) {
  const auto data = make_set("motifs", Json::object());
  const std::vector<std::int32_t> motif{4, 1, 4, 1, 1, 1, 1, 3};
  SequenceExample sample;
  int positive = 0;
  std::vector<double> places(8);  // where the first near match is, by eighths
  for (int i = 0; i < 2000; ++i) {
    data->example(Split::train, i, sample);
    const auto& x = sample.first.tokens;
    int best = 8, at = -1;
    for (std::size_t p = 0; p + 8 <= x.size(); ++p) {
      int wrong = 0;
      for (std::size_t k = 0; k < 8; ++k) wrong += x[p + k] != motif[k];
      if (wrong < best) best = wrong, at = static_cast<int>(p);
    }
    EXPECT_EQ(best <= 1, sample.label == 1);
    positive += sample.label;
    if (sample.label == 1) ++places[static_cast<std::size_t>(at * 8 / 244)];
  }
  EXPECT_NEAR(positive, 1000, 100);
  for (const auto count : places) EXPECT_NEAR(count, 125, 55);
  EXPECT_EQ(score_of(*data, "search with mismatches"), 1);
  EXPECT_NEAR(score_of(*data, "counts of the letters"), 0.5, 0.06);
  EXPECT_NEAR(score_of(*data, "search without mismatches"), 0.5, 0.06);
}

TEST(Motifs, MotifsThatCannotBeMissingAreRefused) {
  EXPECT_THROW(make_set("motifs", {{"motif", "TAXA"}}), UserError);
  EXPECT_THROW(make_set("motifs", {{"motif", "T"}}), UserError);
  const auto hopeless = make_set("motifs", {{"motif", "TA"}});
  SequenceExample sample;
  EXPECT_THROW(
      {
        for (int i = 0; i < 20; ++i) hopeless->example(Split::train, i, sample);
      },
      UserError);
}

}  // namespace
}  // namespace longwave
