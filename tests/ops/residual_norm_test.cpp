#include "longwave/ops/residual_norm.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

Tensors random_inputs(const std::vector<std::vector<std::int64_t>>& shapes) {
  at::manual_seed(7);
  Tensors inputs;
  for (const auto& shape : shapes) inputs.push_back(at::randn(shape, at::kDouble));
  return inputs;
}

Tensors with_all(const Tensors& t) {
  const auto [y, sum] = ops::residual_layer_norm(t[0], t[1], t[2], t[3]);
  return {y, sum};
}
Tensors with_rms(const Tensors& t) {
  const auto [y, sum] = ops::residual_rms_norm(t[0], t[1], t[2]);
  return {y, sum};
}
Tensors alone(const Tensors& t) { return {ops::layer_norm(t[0], t[1], {})}; }

TEST(ResidualNorm, IsTheLayerNormOfTheSum) {
  const auto in = random_inputs({{3, 5, 7}, {3, 5, 7}, {7}, {7}});
  const auto [y, sum] = ops::residual_layer_norm(in[0], in[1], in[2], in[3], 1e-3);
  EXPECT_TRUE(at::equal(sum, in[0] + in[1]));
  EXPECT_LT(testing::largest_difference(y, at::layer_norm(sum, {7}, in[2], in[3], 1e-3)), 1e-12);
}

TEST(ResidualNorm, WithoutResidualTheSumIsTheInputItself) {
  const auto x = at::randn({3, 7}), weight = at::ones({7});
  const auto [y, sum] = ops::residual_rms_norm(x, {}, weight);
  EXPECT_TRUE(sum.is_same(x));
  EXPECT_TRUE(at::equal(y, std::get<0>(ops::residual_rms_norm(x, at::zeros({3, 7}), weight))));
}

TEST(ResidualNorm, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& [rows, width] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 3}, {131, 37}, {70, 256}}) {
    testing::expect_float_matches_double(with_all, random_inputs({{rows, width}, {rows, width}, {width}, {width}}),
                                         1e-5);
    testing::expect_float_matches_double(with_rms, random_inputs({{rows, width}, {rows, width}, {width}}), 1e-5);
    testing::expect_float_matches_double(alone, random_inputs({{rows, width}, {width}}), 1e-5);
  }
}

TEST(ResidualNorm, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(with_all, random_inputs({{4, 6}, {4, 6}, {6}, {6}}));
  testing::expect_gradients_match_differences(with_rms, random_inputs({{4, 6}, {4, 6}, {6}}));
  testing::expect_gradients_match_differences(alone, random_inputs({{4, 6}, {6}}));
}

TEST(ResidualNorm, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(with_all, random_inputs({{1031, 40}, {1031, 40}, {40}, {40}}));
}

TEST(ResidualNorm, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::residual_layer_norm(at::ones({2, 5}), at::ones({2, 4}), at::ones({5}), at::Tensor());
      },
      "residual_norm: residual is [2, 4]; expected [2, 5] like x");
}

}  // namespace
}  // namespace longwave
