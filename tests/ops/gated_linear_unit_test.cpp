#include "longwave/ops/gated_linear_unit.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

Tensors random_inputs(std::int64_t rows, std::int64_t width) {
  at::manual_seed(7);
  return {at::randn({rows, width}, at::kDouble), at::randn({width}, at::kDouble)};
}

Tensors with_bias(const Tensors& t) { return {ops::gated_linear_unit(t[0], t[1])}; }
Tensors alone(const Tensors& t) { return {ops::gated_linear_unit(t[0])}; }

TEST(GatedLinearUnit, IsTheFirstHalfTimesTheGateOfTheSecond) {
  const auto in = random_inputs(3, 8);
  const auto x = in[0] + in[1];
  const auto expected = x.narrow(1, 0, 4) * at::sigmoid(x.narrow(1, 4, 4));
  EXPECT_LT(testing::largest_difference(with_bias(in)[0], expected), 1e-12);
}

TEST(GatedLinearUnit, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& [rows, width] : {std::pair<std::int64_t, std::int64_t>{1, 2}, {5, 6}, {131, 74}, {70, 256}}) {
    const auto in = random_inputs(rows, width);
    testing::expect_float_matches_double(with_bias, in, 1e-5);
    testing::expect_float_matches_double(alone, {in[0]}, 1e-5);
  }
}

TEST(GatedLinearUnit, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(with_bias, random_inputs(4, 10));
  testing::expect_gradients_match_differences(alone, {random_inputs(4, 10)[0]});
}

TEST(GatedLinearUnit, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(with_bias, random_inputs(1031, 80));
}

TEST(GatedLinearUnit, TakesAnyStridesAndShapes) {
  const auto x = at::randn({6, 2, 5}).transpose(0, 2);  // [5, 2, 6]
  EXPECT_TRUE(at::equal(ops::gated_linear_unit(x), ops::gated_linear_unit(x.contiguous())));
  EXPECT_EQ(ops::gated_linear_unit(at::ones({0, 4})).sizes(), at::IntArrayRef({0, 2}));
}

TEST(GatedLinearUnit, WrongInputsGetOneLine) {
  const auto message = [](const at::Tensor& x, const at::Tensor& bias) {
    try {
      ops::gated_linear_unit(x, bias);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message(at::ones({2, 5}), {}), "gated_linear_unit: x is [2, 5]; expected [..., 2 d]");
  EXPECT_EQ(message(at::ones({2, 4}), at::ones({2})), "gated_linear_unit: bias is [2]; expected [4] to fit x [2, 4]");
  EXPECT_EQ(message(at::ones({2, 4}), at::ones({4}, at::kDouble)),
            "gated_linear_unit: bias is Double; expected Float like x");
}

}  // namespace
}  // namespace longwave
