#include "longwave/data/synthetic_var.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "longwave/io/safetensors.h"

namespace longwave {
namespace {

std::vector<double> numbers(const TensorView& view) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < view.count(); ++i) {
    if (view.dtype == Dtype::f64) {
      double value;
      std::memcpy(&value, view.data + i * 8, 8);
      values.push_back(value);
    } else {
      float value;
      std::memcpy(&value, view.data + i * 4, 4);
      values.push_back(value);
    }
  }
  return values;
}

TEST(SyntheticVar, ReproducesTheReferenceSeriesFromTheirParts) {
  const SafetensorsFile file(std::filesystem::path(LONGWAVE_SOURCE_DIR) / "tests/golden/synthetic_var.safetensors");
  for (int i = 0; i < 4; ++i) {
    const auto in = "in." + std::to_string(i) + ".";
    const auto init = numbers(file.at(in + "init")), matrices = numbers(file.at(in + "matrices")),
               noise = numbers(file.at(in + "noise")),
               expected = numbers(file.at("out." + std::to_string(i) + ".series"));
    const auto order = file.at(in + "init").shape[0];
    std::vector<float> series(expected.size());
    run_var(init.data(), matrices.data(), noise.data(), order, 65, 2, series.data());
    for (std::size_t k = 0; k < series.size(); ++k) EXPECT_NEAR(series[k], expected[k], 2e-6) << i << " " << k;
  }
}

TEST(SyntheticVar, ExplodingSeriesAreClipped) {
  const double init[] = {1}, matrix[] = {3}, noise[] = {0, 0, 0, 0};
  float series[5];
  run_var(init, matrix, noise, 1, 5, 1, series);
  EXPECT_EQ(std::vector<float>(series, series + 5), (std::vector<float>{1, 3, 9, 15, 15}));
  // The recursion goes on with what is not clipped yet: x_t = x_{t-1} - x_{t-2}.
  const double start[] = {10, 20}, difference[] = {1, -1};
  run_var(start, difference, noise, 2, 5, 1, series);
  EXPECT_EQ(std::vector<float>(series, series + 5), (std::vector<float>{10, 15, 10, -10, -15}));
}

TEST(SyntheticVar, SameSeedSameSeriesAndSmallSetsAreTheBeginningOfLargeOnes) {
  const auto large = make_synthetic_var_train(7, 20), small = make_synthetic_var_train(7, 5);
  EXPECT_EQ(large.series.size(), 20u * 65 * 2);
  EXPECT_TRUE(std::equal(small.series.begin(), small.series.end(), large.series.begin()));
  EXPECT_NE(make_synthetic_var_train(8, 5).series, small.series);
  EXPECT_NE(make_synthetic_var_val(7, 5).series, small.series);
}

TEST(SyntheticVar, LaterStepsAreSmallAndInitialOnesAreNormal) {
  const auto set = make_synthetic_var_val(3, 2000);
  double first = 0, last = 0;
  for (std::int64_t i = 0; i < set.count; ++i) {
    first += std::pow(set.series[static_cast<std::size_t>(i * 130)], 2);
    last += std::pow(set.series[static_cast<std::size_t>(i * 130 + 129)], 2);
  }
  EXPECT_NEAR(first / 2000, 1, 0.12);
  EXPECT_GT(last / 2000, kSyntheticVarFloor * 0.95);
  EXPECT_LT(last / 2000, 0.05);
}

}  // namespace
}  // namespace longwave
