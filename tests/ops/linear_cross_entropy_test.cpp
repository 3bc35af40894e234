#include "longwave/ops/linear_cross_entropy.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

struct Sizes {
  std::int64_t n, d, classes;
};
// The last has more logits than are held at a time.
const std::vector<Sizes> kSizes = {{1, 1, 1}, {5, 3, 7}, {37, 8, 131}, {600, 2, 20000}};

Tensors random_inputs(const Sizes& s) {
  at::manual_seed(7);
  return {at::randn({s.n, s.d}, at::kDouble), at::randn({s.classes, s.d}, at::kDouble),
          at::randn({s.classes}, at::kDouble)};
}
at::Tensor random_targets(const Sizes& s) {
  at::manual_seed(5);
  auto targets = at::randint(s.classes, {s.n}, at::kLong);
  if (s.n > 3) targets[2] = -1, targets[s.n - 1] = -1;
  return targets;
}
testing::Op losses_of(const Sizes& s) {
  return [targets = random_targets(s)](const Tensors& t) -> Tensors {
    return {ops::linear_cross_entropies(t[0], t[1], t[2], targets, -1)};
  };
}

TEST(LinearCrossEntropy, IsTheTextbook) {
  for (const auto& s : kSizes) {
    const auto in = random_inputs(s);
    const auto targets = random_targets(s);
    const auto expected = at::cross_entropy_loss(at::linear(in[0], in[1], in[2]), targets, {}, at::Reduction::Mean, -1);
    EXPECT_LT(testing::largest_difference(ops::linear_cross_entropy(in[0], in[1], in[2], targets, -1), expected),
              1e-12);
  }
}

TEST(LinearCrossEntropy, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& s : kSizes) testing::expect_float_matches_double(losses_of(s), random_inputs(s), 1e-5);
}

TEST(LinearCrossEntropy, WithoutBias) {
  const Sizes s{9, 4, 11};
  const auto targets = random_targets(s);
  auto in = random_inputs(s);
  in.pop_back();
  testing::expect_float_matches_double(
      [&](const Tensors& t) -> Tensors { return {ops::linear_cross_entropy(t[0], t[1], {}, targets, -1)}; }, in, 1e-5);
}

TEST(LinearCrossEntropy, GradientsMatchDifferences) {
  const Sizes s{6, 4, 5};
  testing::expect_gradients_match_differences(losses_of(s), random_inputs(s));
}

TEST(LinearCrossEntropy, SameBitsForAnyNumberOfThreads) {
  for (const auto& s : kSizes) testing::expect_same_bits_for_any_threads(losses_of(s), random_inputs(s));
  for (const Sizes s : {Sizes{1031, 64, 300}, {257, 96, 1003}}) {  // products that threads share
    testing::expect_same_bits_for_any_threads(losses_of(s), random_inputs(s));
    testing::expect_same_bits_for_any_threads([&](const Tensors& t) -> Tensors { return {losses_of(s)(t)[0].sum()}; },
                                              random_inputs(s));
  }
}

TEST(LinearCrossEntropy, WeightsOfRowsReachTheGradients) {
  const Sizes s{37, 8, 131};
  for (const auto& weights : {at::full({s.n}, 0.25, at::kDouble), at::rand({s.n}, at::kDouble)})
    testing::expect_float_matches_double(
        [&](const Tensors& t) -> Tensors { return {(losses_of(s)(t)[0] * weights.to(t[0].scalar_type())).sum()}; },
        random_inputs(s), 1e-5);
}

TEST(LinearCrossEntropy, GradientsTwiceFromOneForwardPass) {
  const auto x = at::randn({6, 4}).requires_grad_(), w = at::randn({5, 4}).requires_grad_();
  const auto loss = ops::linear_cross_entropy(x, w, {}, at::tensor({1, 0, 4, 2, 2, 3}, at::kLong));
  loss.backward({}, true);
  const auto once = w.grad().clone();
  loss.backward();
  EXPECT_TRUE(at::equal(w.grad(), 2 * once));
}

TEST(LinearCrossEntropy, IgnoredRowsPassNoGradient) {
  auto x = at::randn({3, 4}).requires_grad_();
  const auto w = at::randn({5, 4});
  ops::linear_cross_entropy(x, w, {}, at::tensor({1, -100, 2}, at::kLong)).backward();
  EXPECT_EQ(x.grad()[1].abs().sum().item<double>(), 0);
  EXPECT_GT(x.grad()[0].abs().sum().item<double>(), 0);
  EXPECT_EQ(ops::linear_cross_entropy(x, w, {}, at::full({3}, -100, at::kLong)).item<double>(), 0);
}

TEST(LinearCrossEntropy, LargeLogitsDoNotOverflow) {
  const auto x = at::full({1, 1}, 1e4f), w = at::tensor({1.0f, -1.0f}).view({2, 1});
  EXPECT_EQ(ops::linear_cross_entropy(x, w, {}, at::tensor({0}, at::kLong)).item<double>(), 0);
  EXPECT_EQ(ops::linear_cross_entropy(x, w, {}, at::tensor({1}, at::kLong)).item<double>(), 2e4);
}

TEST(LinearCrossEntropy, WrongTargetsGetOneLine) {
  testing::expect_error(
      [] {
        ops::linear_cross_entropy(at::ones({2, 3}), at::ones({4, 3}), {}, at::tensor({1, 4}, at::kLong));
      },
      "linear_cross_entropy: target 1 is 4; expected 0 .. 3, or -100 to ignore the row");
}

}  // namespace
}  // namespace longwave
