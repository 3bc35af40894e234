#include "longwave/tasks/metrics.h"

#include <gtest/gtest.h>

namespace longwave {
namespace {

// Newcombe 1998, Statistics in Medicine 17, table I, method 3.
TEST(WilsonInterval, KnownValues) {
  const auto expect = [](double right, double n, double low, double high) {
    const auto [a, b] = wilson_interval(right, n);
    EXPECT_NEAR(a, low, 5e-5) << right << " of " << n;
    EXPECT_NEAR(b, high, 5e-5) << right << " of " << n;
  };
  expect(81, 263, 0.2553, 0.3662);
  expect(15, 148, 0.0624, 0.1605);
  expect(0, 20, 0, 0.1611);
  expect(1, 29, 0.0061, 0.1718);
}

TEST(WilsonInterval, OfNothingIsEverything) { EXPECT_EQ(wilson_interval(0, 0), (std::pair<double, double>{0, 1})); }

TEST(Metric, ScoresOfPartsAndOfValidationAreOfTheirKind) {
  EXPECT_TRUE(find_metric("accuracy@128").higher);
  EXPECT_TRUE(find_metric("val_exact_match").higher);
  EXPECT_TRUE(find_metric("legal_moves@64").percent);
  EXPECT_FALSE(find_metric("perplexity").higher);
  EXPECT_EQ(find_metric("own_score").title, "own_score");
}

TEST(ScoreText, SharesInPerCentWithTheirInterval) {
  const std::map<std::string, double> scores{
      {"accuracy", 0.9325},     {"accuracy_low", 0.919},   {"accuracy_high", 0.944}, {"accuracy@64", 0.5},
      {"accuracy_low@64", 0.4}, {"accuracy_high@64", 0.6}, {"exact_match", 1. / 3},  {"loss", 0.21}};
  EXPECT_EQ(score_text("accuracy", scores), "accuracy 93.25 % [91.90, 94.40]");
  EXPECT_EQ(score_text("accuracy@64", scores), "accuracy@64 50.00 % [40.00, 60.00]");
  EXPECT_EQ(score_text("exact_match", scores), "exact_match 33.33 %");
  EXPECT_EQ(score_text("loss", scores), "loss 0.21000");
  EXPECT_EQ(names_to_print(scores), (std::vector<std::string>{"accuracy", "accuracy@64", "exact_match", "loss"}));
}

}  // namespace
}  // namespace longwave
