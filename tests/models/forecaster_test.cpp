#include "longwave/models/forecaster.h"

#include <gtest/gtest.h>

#include "tests/support/error_message.h"

namespace longwave {
namespace {

std::shared_ptr<Forecaster> make_linear(std::uint64_t seed) {
  const auto& info = find_forecaster("linear");
  return info.make({.lookback = 12, .horizon = 3, .channels = 2, .targets = 2}, info.resolve({}, "model", false), seed);
}

TEST(Forecaster, SameSeedSameWeights) {
  EXPECT_TRUE(at::equal(make_linear(3)->state().at("Linear.weight"), make_linear(3)->state().at("Linear.weight")));
  EXPECT_FALSE(at::equal(make_linear(3)->state().at("Linear.weight"), make_linear(4)->state().at("Linear.weight")));
}

TEST(Forecaster, LoadingListsEveryDefectAndChangesNothing) {
  const auto model = make_linear(1);
  const auto before = model->state().at("Linear.bias").clone();
  try {
    model->load({{"Linear.weight", at::ones({3, 13})}, {"Linear.bias", at::ones({3})}, {"odd", at::ones({1})}}, "a.st");
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "a.st: weights do not fit this model; 1 of another shape: Linear.weight is [3, 13]; expected [3, 12]"
                 "; 1 unexpected: odd");
  }
  EXPECT_TRUE(at::equal(before, model->state().at("Linear.bias")));
}

TEST(Forecaster, ComplexWeightsDoNotBecomeRealOnes) {
  const auto model = make_linear(1);
  auto weights = model->state();
  weights.at("Linear.bias") = at::ones({3}, at::kComplexFloat);
  EXPECT_EQ(testing::message([&] { model->load(weights, "a.st"); }),
            "a.st: weights do not fit this model; 1 complex where ours are real: Linear.bias");
}

TEST(Forecaster, SaysWhetherItLearns) {
  const ForecastSizes sizes{.lookback = 64, .horizon = 1, .channels = 2, .targets = 2, .label = 48};
  for (const auto& [name, info] : forecasters())
    EXPECT_EQ(info.learns, info.make(sizes, info.resolve({}, "model", false), 1)->parameter_count() > 0) << name;
}

TEST(Forecaster, UnknownNameSuggests) {
  try {
    find_forecaster("liner");
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "unknown model 'liner'; did you mean 'linear'?");
  }
}

}  // namespace
}  // namespace longwave
