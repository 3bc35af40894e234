#include "longwave/ops/gated_activation.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using ops::HiddenFunction;
using testing::Tensors;

const std::vector<HiddenFunction> kFunctions = {HiddenFunction::gelu, HiddenFunction::relu, HiddenFunction::silu,
                                                HiddenFunction::sigmoid, HiddenFunction::identity};

Tensors random_inputs(std::int64_t rows, std::int64_t width) {
  at::manual_seed(7);
  return {at::randn({rows, width}, at::kDouble), at::randn({width}, at::kDouble),
          at::randn({rows, width}, at::kDouble)};
}

testing::Op with_all(HiddenFunction function) {
  return [=](const Tensors& t) -> Tensors { return {ops::gated_activation(t[0], t[1], t[2], function)}; };
}
testing::Op with_bias(HiddenFunction function) {
  return [=](const Tensors& t) -> Tensors { return {ops::gated_activation(t[0], t[1], {}, function)}; };
}
testing::Op alone(HiddenFunction function) {
  return [=](const Tensors& t) -> Tensors { return {ops::gated_activation(t[0], {}, {}, function)}; };
}

TEST(GatedActivation, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto function : kFunctions)
    for (const auto& [rows, width] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 3}, {131, 37}, {70, 256}}) {
      const auto in = random_inputs(rows, width);
      testing::expect_float_matches_double(with_all(function), in, 1e-5);
      testing::expect_float_matches_double(with_bias(function), {in[0], in[1]}, 1e-5);
      testing::expect_float_matches_double(alone(function), {in[0]}, 1e-5);
    }
}

TEST(GatedActivation, GradientsMatchDifferences) {
  for (const auto function : kFunctions) {
    const auto in = random_inputs(4, 5);
    testing::expect_gradients_match_differences(with_all(function), in);
    testing::expect_gradients_match_differences(with_bias(function), {in[0], in[1]});
  }
}

TEST(GatedActivation, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(with_all(HiddenFunction::silu), random_inputs(1031, 40));
}

TEST(GatedActivation, SlicesOfAJointProjectionGiveTheSame) {
  const auto joint = at::randn({2, 9, 24}), up = at::randn({2, 9, 8});
  for (const auto& x : {joint.narrow(2, 5, 8), joint.transpose(1, 2).narrow(1, 0, 9).narrow(2, 1, 8)}) {
    auto slice = x.detach().requires_grad_(), copy = x.contiguous().requires_grad_();
    const auto of_slice = ops::gated_activation(slice, {}, up, HiddenFunction::silu);
    const auto of_copy = ops::gated_activation(copy, {}, up, HiddenFunction::silu);
    EXPECT_TRUE(at::equal(of_slice, of_copy));
    of_slice.backward(up);
    of_copy.backward(up);
    EXPECT_TRUE(at::equal(slice.grad(), copy.grad()));
  }
}

TEST(GatedActivation, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::gated_activation(at::ones({2, 5}), at::ones({4}), {}, HiddenFunction::relu);
      },
      "gated_activation: bias is [4]; expected [5] to fit x [2, 5]");
}

}  // namespace
}  // namespace longwave
