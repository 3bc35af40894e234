#include "longwave/ops/batch_norm.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

constexpr double kEps = 1e-5;

/// x [rows, d], weight, bias.
Tensors random_inputs(std::int64_t rows, std::int64_t d) {
  at::manual_seed(5);
  return {3 + 2 * at::randn({rows, d}, at::kDouble), at::randn({d}, at::kDouble), at::randn({d}, at::kDouble)};
}

/// About two rows of three count, the first among them.
at::Tensor some_of(std::int64_t rows) {
  at::manual_seed(6);
  const auto valid = at::rand({rows, 1}) < 0.67;
  valid[0] = true;
  return valid;
}

testing::Op with(const at::Tensor& valid) {
  return [=](const Tensors& t) -> Tensors { return {ops::batch_norm(t[0], t[1], t[2], valid, kEps).y}; };
}

TEST(BatchNorm, IsThatOfLibtorch) {
  const auto in = random_inputs(20, 6);
  const auto expected = at::batch_norm(in[0], in[1], in[2], {}, {}, true, 0.1, kEps, false);
  const auto result = ops::batch_norm(in[0], in[1], in[2], {}, kEps);
  EXPECT_LT(testing::largest_difference(result.y, expected), 1e-12);
  EXPECT_LT(testing::largest_difference(result.mean, in[0].mean(0)), 1e-12);
  EXPECT_LT(testing::largest_difference(result.variance, in[0].var(0, false)), 1e-12);
}

TEST(BatchNorm, WhatIsNotValidInfluencesNothingAndBecomesZero) {
  const auto in = random_inputs(41, 5);
  const auto valid = some_of(41);
  const auto real = valid.squeeze(1).nonzero().squeeze(1);
  for (const auto type : {at::kFloat, at::kDouble}) {
    const auto x = in[0].to(type), weight = in[1].to(type), bias = in[2].to(type);
    const auto spoilt = at::where(valid, x, at::full_like(x, std::nan("")));
    const auto result = ops::batch_norm(spoilt, weight, bias, valid, kEps);
    const auto alone = ops::batch_norm(x.index_select(0, real), weight, bias, {}, kEps);
    EXPECT_LT(testing::largest_difference(result.y.index_select(0, real), alone.y), 1e-5);
    EXPECT_EQ(at::where(valid, at::zeros_like(x), result.y).abs().sum().item<double>(), 0);
  }
}

TEST(BatchNorm, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& [rows, d] : {std::pair<std::int64_t, std::int64_t>{2, 1}, {9, 3}, {1031, 37}, {70, 64}}) {
    const auto in = random_inputs(rows, d);
    testing::expect_float_matches_double(with({}), in, 2e-5);
    testing::expect_float_matches_double(with(some_of(rows)), in, 2e-5);
  }
}

TEST(BatchNorm, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(with({}), random_inputs(6, 3));
  testing::expect_gradients_match_differences(with(some_of(9)), random_inputs(9, 3));
}

TEST(BatchNorm, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(with(some_of(1031)), random_inputs(1031, 40));
}

TEST(BatchNorm, WrongInputsGetOneLine) {
  const auto message = [](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& valid) {
    try {
      ops::batch_norm(x, weight, at::ones({x.size(-1)}), valid, kEps);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto x = at::ones({2, 3, 4});
  EXPECT_EQ(message(x, at::ones({4}), at::ones({2, 3, 1}, at::kBool)), "accepted");
  EXPECT_EQ(message(x, at::ones({3}), {}), "batch_norm: weight is [3]; expected [4] to fit x [2, 3, 4]");
  EXPECT_EQ(message(x, at::ones({4}), at::ones({2, 3}, at::kBool)),
            "batch_norm: valid is Bool [2, 3]; expected Bool [2, 3, 1]");
  EXPECT_EQ(message(x, at::ones({4}), at::zeros({2, 3, 1}, at::kBool)),
            "batch_norm: no vector of x [2, 3, 4] is valid; expected at least one");
}

}  // namespace
}  // namespace longwave
