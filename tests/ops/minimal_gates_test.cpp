#include "longwave/ops/minimal_gates.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using at::Tensor;
using testing::Tensors;

testing::Op gates(bool lstm, const Tensor& valid = {}) {
  return [=](const Tensors& t) -> Tensors {
    const auto [keep, input] = ops::minimal_gates(t[0], valid, lstm);
    return {keep, input};
  };
}

Tensor random_maps(std::int64_t b, std::int64_t t, std::int64_t width, double scale = 2) {
  at::manual_seed(5);
  return scale * at::randn({b, t, width}, at::kDouble);
}

Tensor some_valid(std::int64_t b, std::int64_t t) {
  return (at::arange(t, at::kLong).unsqueeze(0) < at::arange(1, b + 1, at::kLong).unsqueeze(1)).unsqueeze(-1);
}

TEST(MinimalGates, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const bool lstm : {false, true})
    for (const std::int64_t d : {1, 5, 37, 64}) {
      const auto maps = random_maps(3, 7, (lstm ? 3 : 2) * d);
      testing::expect_float_matches_double(gates(lstm), {maps}, 1e-5);
      testing::expect_float_matches_double(gates(lstm, some_valid(3, 7)), {maps}, 1e-5);
    }
}

TEST(MinimalGates, GradientsMatchDifferences) {
  for (const bool lstm : {false, true})
    testing::expect_gradients_match_differences(gates(lstm, some_valid(2, 4)), {random_maps(2, 4, lstm ? 9 : 6)});
}

TEST(MinimalGates, SameBitsForAnyNumberOfThreads) {
  for (const bool lstm : {false, true})
    testing::expect_same_bits_for_any_threads(gates(lstm), {random_maps(5, 211, 42)});
}

TEST(MinimalGates, FarOutGatesAreNeitherLostNorInfinite) {
  for (const bool lstm : {false, true})
    testing::expect_float_matches_double(gates(lstm), {random_maps(2, 50, 18, 60)}, 1e-4);
  const auto [keep, input] = ops::minimal_gates(at::tensor({1.0f, -300.0f, -302.0f}).view({1, 1, 3}), {}, true);
  EXPECT_NEAR(keep.item<float>(), 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_NEAR(input.item<float>(), 1.5 / (1 + std::exp(2.0)), 1e-6);
}

TEST(MinimalGates, PaddedStepsKeepTheState) {
  const auto [keep, input] = ops::minimal_gates(at::randn({2, 3, 8}), some_valid(2, 3), false);
  EXPECT_TRUE(at::equal(keep[0].narrow(0, 1, 2), at::ones({2, 4})));
  EXPECT_TRUE(at::equal(input[0].narrow(0, 1, 2), at::zeros({2, 4})));
}

TEST(MinimalGates, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::minimal_gates(at::zeros({2, 3, 7}), {}, false);
      },
      "minimal_gates: maps is Float [2, 3, 7]; expected float or double [b, t, 2 d]");
  testing::expect_error(
      [] {
        ops::minimal_gates(at::zeros({2, 3, 6}), at::ones({2, 3}, at::kBool), true);
      },
      "minimal_gates: valid is Bool [2, 3]; expected bool [b, t, 1] = [2, 3, 1]");
}

}  // namespace
}  // namespace longwave
