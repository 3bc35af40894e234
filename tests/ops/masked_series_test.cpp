#include "longwave/ops/masked_series.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

testing::Op masked(std::int64_t l) {
  return [=](const Tensors& t) {
    const auto [z, changes] = ops::masked_series(t[0], t[1], t[2], t[3], at::linspace(1, 0, l, t[0].options()));
    return Tensors{z, changes};
  };
}

Tensors inputs_of(std::int64_t b, std::int64_t f, std::int64_t l) {
  at::manual_seed(2);
  const auto random = [](at::IntArrayRef shape, double scale) { return at::randn(shape, at::kDouble) * scale; };
  return {random({b, f, l}, 2), random({b, f, 1}, 1), random({f, l}, 1 / std::sqrt(l)), random({f}, 1)};
}

struct Shape {
  std::int64_t b, f, l;
};
const std::vector<Shape> kShapes{{3, 5, 512}, {2, 3, 77}, {1, 1, 2}, {5, 2, 19}};

TEST(MaskedSeries, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& s : kShapes) testing::expect_float_matches_double(masked(s.l), inputs_of(s.b, s.f, s.l), 2e-5);
}

TEST(MaskedSeries, SomeStepsAreCutAndSomeAreKept) {
  const auto z = masked(512)(inputs_of(3, 5, 512))[0];
  const double cut = z.eq(0).to(at::kDouble).mean().item<double>();
  EXPECT_GT(cut, 0.05);
  EXPECT_LT(cut, 0.95);
}

TEST(MaskedSeries, SameBitsForAnyNumberOfThreads) {
  for (const auto& s : kShapes) testing::expect_same_bits_for_any_threads(masked(s.l), inputs_of(s.b, s.f, s.l));
}

// The cut itself is not differentiable; with a mask that keeps everything the gradient is that of z = y.
TEST(MaskedSeries, GradientsMatchDifferencesWhereNothingIsCut) {
  auto inputs = inputs_of(2, 3, 9);
  const Tensors open{inputs[0], inputs[1]};
  const auto op = [&](const Tensors& t) {
    const auto zeros = at::zeros({3, 9}, t[0].options()), bias = at::zeros({3}, t[0].options());
    return masked(9)({t[0], t[1], zeros, bias});
  };
  const auto ungated = [&](const Tensors& t) { return Tensors{op(t)[1]}; };
  testing::expect_gradients_match_differences(ungated, open);
}

TEST(MaskedSeries, ConstantSeriesHaveNoChangesAndFiniteGradients) {
  auto inputs = inputs_of(1, 1, 20);
  inputs[0] = at::zeros({1, 1, 20}, at::kDouble);
  for (const auto& result : testing::outputs_and_gradients(masked(20), inputs, at::kFloat))
    EXPECT_TRUE(at::isfinite(result).all().item<bool>());
}

TEST(MaskedSeries, WrongInputsGetOneLine) {
  auto inputs = inputs_of(2, 3, 9);
  inputs[1] = at::ones({2, 3}, at::kDouble);
  testing::expect_error([&] { masked(9)(inputs); }, "masked_series: scale is [2, 3]; expected [2, 3, 1]");
}

}  // namespace
}  // namespace longwave
