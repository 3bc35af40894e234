#include "longwave/ops/var_attention.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

testing::Op attention(double p, const std::vector<std::int64_t>& keys) {
  return [=](const Tensors& t) {
    return Tensors{ops::var_attention(t[0], {t[1], t[2], t[3], t[4], t[5], t[6]}, {.p = p, .keys = keys})};
  };
}

Tensors random_inputs(std::int64_t b, std::int64_t t, std::int64_t layers, std::int64_t h, std::int64_t e) {
  at::manual_seed(7);
  const auto d = h * e, maps = 2 * layers * d;
  const auto random = [](at::IntArrayRef shape, double scale = 1) { return at::randn(shape, at::kDouble) * scale; };
  return {random({b, t, d}),
          random({d}),
          random({maps, d}, 1 / std::sqrt(d)),
          random({maps}, 0.3),
          random({2 * layers * h, e}),
          random({h, e, e}, 0.3),
          random({d})};
}

struct Shape {
  std::int64_t b, t, layers, h, e;
};
// Odd numbers of heads, widths with and without a form of their own, one layer and several, more sequences than parts.
const std::vector<Shape> kShapes{{3, 22, 3, 8, 8}, {2, 6, 2, 3, 8},  {2, 40, 2, 2, 16},
                                 {1, 4, 1, 1, 5},  {41, 4, 2, 3, 4}, {2, 8, 3, 1, 37}};

TEST(VarAttention, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& s : kShapes) {
    std::vector<std::int64_t> keys(static_cast<std::size_t>(s.layers), 5);
    const auto inputs = random_inputs(s.b, s.t, s.layers, s.h, s.e);
    for (const double p : {0.0, 0.3}) testing::expect_float_matches_double(attention(p, keys), inputs, 1e-4);
  }
}

TEST(VarAttention, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(attention(0.3, {3, 9}), random_inputs(2, 6, 2, 2, 3));
}

TEST(VarAttention, SameBitsForAnyNumberOfThreads) {
  for (const auto& s : kShapes)
    testing::expect_same_bits_for_any_threads(
        attention(0.3, std::vector<std::int64_t>(static_cast<std::size_t>(s.layers), 5)),
        random_inputs(s.b, s.t, s.layers, s.h, s.e));
}

TEST(VarAttention, EveryLayerHasItsOwnMask) {
  const auto inputs = random_inputs(1, 4, 2, 1, 8);
  const auto run = [&](const std::vector<std::int64_t>& keys) { return attention(0.5, keys)(inputs)[0]; };
  EXPECT_FALSE(at::equal(run({1, 2}), run({1, 3})));
  EXPECT_FALSE(at::equal(run({1, 2}), run({3, 2})));
}

TEST(VarAttention, NoSequencesGiveZeroGradients) {
  for (const auto& result : testing::outputs_and_gradients(attention(0, {1}), random_inputs(0, 4, 1, 2, 3), at::kFloat))
    EXPECT_TRUE(at::equal(result, at::zeros_like(result)));
}

TEST(VarAttention, WrongInputsGetOneLine) {
  const auto call = [](std::vector<std::int64_t> y, std::vector<std::int64_t> weight) {
    return [=] {
      ops::var_attention(
          at::ones(y),
          {at::ones({16}), at::ones(weight), at::ones({32}), at::ones({4, 8}), at::ones({2, 8, 8}), at::ones({16})},
          {.keys = {1}});
    };
  };
  testing::expect_error(call({1, 3, 16}, {32, 16}), "var_attention: y is [1, 3, 16]; expected [b, t, d] with even t");
  testing::expect_error(call({1, 4, 16}, {30, 16}), "var_attention: weight is [30, 16]; expected [32, 16]");
}

}  // namespace
}  // namespace longwave
