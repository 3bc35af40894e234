#include "longwave/train/weight_average.h"

#include <gtest/gtest.h>

#include "tests/support/error_message.h"

namespace longwave {
namespace {

/// A weight, a complex one, a running statistic and a counter.
struct Weights : Module {
  Weights() {
    real = register_parameter("real", at::zeros({2}));
    complex = register_parameter("complex", at::zeros({1}, at::kComplexFloat));
    statistic = register_buffer("statistic", at::zeros({1}));
    counter = register_buffer("counter", at::zeros({1}, at::kLong));
  }
  void set(double value) {
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : state()) tensor.fill_(value);
  }
  at::Tensor real, complex, statistic, counter;
};

TEST(WeightAverage, IsOfAllStepsTheEarlyOnesByMore) {
  Weights weights;
  WeightAverage average(weights, 0.5);
  double expected = 0;
  for (std::int64_t step = 1; step <= 12; ++step) {
    weights.set(static_cast<double>(step));
    average.add(step);
    const double decay = std::min(0.5, (1.0 + step) / (10.0 + step));  // 2/11, 3/12, ...
    expected = decay * expected + (1 - decay) * step;
  }
  const auto state = average.state();
  EXPECT_EQ(state.size(), 3u) << "a counter has no mean";
  EXPECT_NEAR(state.at("real")[1].item<double>(), expected, 1e-5);
  EXPECT_NEAR(at::real(state.at("complex"))[0].item<double>(), expected, 1e-5);
  EXPECT_NEAR(state.at("statistic")[0].item<double>(), expected, 1e-5);
  {
    const WeightAverage::InPlace averaged(average);
    EXPECT_NEAR(weights.real[0].item<double>(), expected, 1e-5);
    EXPECT_EQ(weights.counter[0].item<std::int64_t>(), 12);
  }
  EXPECT_EQ(weights.real[0].item<double>(), 12);
  EXPECT_EQ(weights.statistic[0].item<double>(), 12);
}

TEST(WeightAverage, WithoutDecayThereIsNone) {
  Weights weights;
  WeightAverage average(weights, 0);
  weights.set(3);
  average.add(1);
  EXPECT_TRUE(average.state().empty());
  const WeightAverage::InPlace own(average);
  EXPECT_EQ(weights.real[0].item<double>(), 3);
}

TEST(WeightAverage, OfAnotherModelAreRefused) {
  Weights weights;
  WeightAverage average(weights, 0.9);
  auto other = average.state();
  other.erase("statistic");
  EXPECT_EQ(testing::message([&] { average.load(other, "last.safetensors"); }),
            "last.safetensors: the average of statistic is missing or of another shape; this checkpoint is from "
            "another model");
}

}  // namespace
}  // namespace longwave
