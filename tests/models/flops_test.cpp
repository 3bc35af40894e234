#include "longwave/models/flops.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "longwave/mixers/mixer.h"
#include "longwave/models/forecaster.h"
#include "longwave/ops/causal_linear_attention.h"
#include "longwave/ops/linear_cross_entropy.h"
#include "longwave/ops/softmax_attention.h"

namespace longwave {
namespace {

TEST(Flops, OfMatrixProducts) {
  const auto a = at::ones({2, 3, 5}), b = at::ones({2, 5, 7});
  EXPECT_EQ(count_flops([&] { at::bmm(a, b); }).flops, 2 * 2 * 3 * 5 * 7);
  EXPECT_EQ(count_flops([&] { at::matmul(a, b[0]); }).flops, 2 * 2 * 3 * 5 * 7);
  EXPECT_EQ(count_flops([&] { at::linear(a, b[0].t().contiguous(), at::ones({7})); }).flops, 2 * 2 * 3 * 5 * 7);
  EXPECT_EQ(count_flops([&] { at::mv(a[0], at::ones({5})); }).flops, 2 * 3 * 5);
}

TEST(Flops, OfConvolutionsOnceAndByTheirOutput) {
  const auto x = at::ones({2, 4, 11}), w = at::ones({6, 2, 3});  // 2 groups
  // (11 + 2 - 3) / 2 + 1 = 6 places
  EXPECT_EQ(count_flops([&] { at::conv1d(x, w, {}, 2, 1, 1, 2); }).flops, 2.0 * 2 * 6 * 6 * 2 * 3);
  EXPECT_EQ(count_flops([&] {
              at::conv2d(at::ones({1, 3, 5, 6}), at::ones({4, 3, 3, 3}));
            }).flops,
            2.0 * 3 * 4 * 4 * 27);
}

TEST(Flops, OfFourierTransforms) {
  EXPECT_EQ(count_flops([&] { at::fft_rfft(at::ones({3, 64})); }).flops, 3 * 2.5 * 64 * 6);
  const auto spectrum = at::fft_rfft(at::ones({3, 64}));
  EXPECT_EQ(count_flops([&] { at::fft_irfft(spectrum, 64); }).flops, 3 * 2.5 * 64 * 6);
}

TEST(Flops, OfAttentionAndOfTheOutputLayer) {
  const auto q = at::ones({2, 7, 3, 4});
  EXPECT_EQ(count_flops([&] { ops::softmax_attention(q, q, q, {.causal = false}); }).flops,
            2 * 2 * (2 * 7 * 3 * 4) * 7);
  EXPECT_EQ(count_flops([&] { ops::softmax_attention(q, q, q, {.causal = true}); }).flops, 2 * 2 * (2 * 3 * 4) * 28);
  const auto losses = count_flops([&] {
    ops::linear_cross_entropies(at::ones({5, 4}), at::ones({9, 4}), {}, at::zeros({5}, at::kLong));
  });
  EXPECT_EQ(losses.flops, 2 * 5 * 4 * 9);
  EXPECT_TRUE(losses.unknown.empty());
}

TEST(Flops, ElementwiseWorkIsFree) {
  EXPECT_EQ(count_flops([&] { at::ones({5}).mul(3).exp().sum(); }).flops, 0);
}

TEST(Flops, StopWithTheWorkAlsoWhenItThrows) {
  EXPECT_ANY_THROW(count_flops([] { throw std::runtime_error("stop"); }));
  const auto count = count_flops([] {});
  at::mm(at::ones({2, 2}), at::ones({2, 2}));
  EXPECT_EQ(count.flops, 0);
}

FlopCount of_model(const std::string& name, const ForecastSizes& s, const Settings& settings = {}) {
  const at::NoGradGuard no_grad;
  const auto& info = find_forecaster(name);
  const auto model = info.make(s, info.resolve(settings, "model", false), 1);
  model->eval();
  ForecastInput in;
  in.x = at::randn({1, s.lookback, s.channels});
  in.x_mark = at::zeros({1, s.lookback, s.time_features});
  in.x_dec = at::zeros({1, s.label + s.horizon, s.channels});
  in.y_mark = at::zeros({1, s.label + s.horizon, s.time_features});
  return count_flops([&] { model->forward(in); });
}

TEST(Flops, OfALinearForecasterByItsFormula) {
  EXPECT_EQ(of_model("linear", {.lookback = 96, .horizon = 24, .channels = 7, .targets = 7, .label = 48}).flops,
            2.0 * 96 * 24 * 7);
}

TEST(Flops, OfDLinearAreTwoLinearMaps) {
  EXPECT_EQ(of_model("dlinear", {.lookback = 96, .horizon = 24, .channels = 7, .targets = 7, .label = 48}).flops,
            2.0 * 96 * 24 * 7 * 2);
}

TEST(Flops, OfCausalAttentionInItsCheaperForm) {
  const auto few = at::ones({2, 3, 4, 8}), many = at::ones({2, 100, 4, 8});
  const auto of = [](const at::Tensor& q) { return count_flops([&] { ops::causal_linear_attention(q, q, q); }).flops; };
  EXPECT_EQ(of(few), 2 * 4 * (1 + 2 + 3) * (4.0 * 8));  // 6 pairs of steps, two products of 8 each
  EXPECT_EQ(of(many), 2 * 4 * 100 * (4.0 * 8 * 8));     // a state of 8 x 8, updated and read at each step
}

TEST(Flops, EveryOperatorOfEveryForecasterHasAFormula) {
  for (const auto& [name, info] : forecasters()) {
    const auto count =
        of_model(name, {.lookback = 192, .horizon = 24, .channels = 3, .targets = 3, .label = 48, .time_features = 4});
    EXPECT_TRUE(count.unknown.empty()) << name << ": " << *count.unknown.begin();
    EXPECT_TRUE(std::isfinite(count.flops)) << name;
  }
}

TEST(Flops, EveryOperatorOfEveryMixerHasAFormulaAndItsGradientCostsAboutTwice) {
  for (const auto& [name, info] : mixers()) {
    const auto mixer = info.make({.d = 16, .l_max = 64}, info.resolve({}, "model", false), 1);
    const auto x = at::randn({2, 64, 16}).requires_grad_();
    at::Tensor y;
    const auto forward = count_flops([&] { y = mixer->forward(x); });
    const auto backward = count_flops([&] { y.sum().backward(); });
    for (const auto* count : {&forward, &backward})
      EXPECT_TRUE(count->unknown.empty()) << name << ": " << *count->unknown.begin();
    // LSSL makes its kernel by long products, and by default learns nothing that these depend on.
    if (name != "lssl") {
      EXPECT_GT(backward.flops, 1.2 * forward.flops) << name;
    }
    EXPECT_LT(backward.flops, 3.5 * forward.flops) << name;
  }
}

}  // namespace
}  // namespace longwave
