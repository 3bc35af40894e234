#include "longwave/ops/mlp.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using ops::Activation;
using ops::DropoutPlace;
using testing::Tensors;

struct Case {
  std::int64_t rows, in, hidden, out;
  bool norm;
  ops::MlpOptions options;
};

Tensors inputs_of(const Case& c) {
  at::manual_seed(3);
  const auto random = [](at::IntArrayRef shape, double scale) { return at::randn(shape, at::kDouble) * scale; };
  return {random({c.rows, c.in}, 1),
          random({c.norm ? c.in : 0}, 1),
          random({c.hidden, c.in}, 1 / std::sqrt(c.in)),
          random({c.hidden}, 0.3),
          random({c.out, c.hidden}, 1 / std::sqrt(c.hidden)),
          random({c.out}, 0.3)};
}

testing::Op op_of(const Case& c) {
  return [o = c.options](const Tensors& t) { return Tensors{ops::mlp(t[0], t[1], t[2], t[3], t[4], t[5], o)}; };
}

const Case kSmall{5, 3, 7, 4, false, {.p = 0.3, .key = 5}};
const Case kTiles{300, 20, 270, 20, true, {.output_p = 0.2, .output_key = 9, .residual = true}};
const Case kBefore{131, 9, 19, 5, false, {.place = DropoutPlace::before_activation, .p = 0.1, .key = -1}};
const Case kRelu{129, 33, 300, 1, false, {.activation = Activation::relu, .p = 0.5, .key = 77}};
const Case kKept{259, 257, 261, 3, true, {.p = 0.2, .key = 3}};     // long rows: the product is kept for backward
const Case kSteps{601, 130, 600, 140, true, {.p = 0.1, .key = 4}};  // large weights: tiles of several steps
const Case kPlainResidual{3, 6, 5, 6, false, {.residual = true}};

TEST(Mlp, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& c : {kSmall, kTiles, kBefore, kRelu, kKept, kSteps, kPlainResidual})
    testing::expect_float_matches_double(op_of(c), inputs_of(c), 2e-5);
}

TEST(Mlp, GradientsMatchDifferences) {
  for (const auto& c : {kSmall, kBefore, kPlainResidual})
    testing::expect_gradients_match_differences(op_of(c), inputs_of(c));
}

TEST(Mlp, SameBitsForAnyNumberOfThreads) {
  for (const auto& c : {kTiles, kRelu, kKept, kSteps})
    testing::expect_same_bits_for_any_threads(op_of(c), inputs_of(c));
}

TEST(Mlp, LeadingDimensionsAndMissingBiases) {
  const auto x = at::randn({2, 3, 4}), w1 = at::randn({6, 4}), w2 = at::randn({5, 6});
  const auto y = ops::mlp(x, w1, {}, w2, {}, Activation::relu, DropoutPlace::after_activation, 0, 0);
  const auto expected = at::matmul(at::relu(at::matmul(x, w1.t())), w2.t());
  EXPECT_EQ(y.sizes(), expected.sizes());
  EXPECT_LT(testing::largest_difference(y, expected), 1e-5);
}

TEST(Mlp, NoRowsGiveZeroGradients) {
  const auto c = Case{0, 3, 4, 2, false, {}};
  for (const auto& result : testing::outputs_and_gradients(op_of(c), inputs_of(c), at::kFloat))
    EXPECT_TRUE(at::equal(result, at::zeros_like(result)));
}

TEST(Mlp, MetaTensorsHaveTheShape) {
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto y = ops::residual_mlp(at::empty({2, 7, 4}, meta), at::empty({4}, meta), at::empty({8, 4}, meta),
                                   at::empty({8}, meta), at::empty({4, 8}, meta), at::empty({4}, meta), 0.1, 1);
  EXPECT_EQ(y.sizes(), at::IntArrayRef({2, 7, 4}));
}

TEST(Mlp, WrongInputsGetOneLine) {
  const auto run = [](at::IntArrayRef x, at::IntArrayRef w2) {
    ops::mlp(at::zeros(x), at::zeros({6, 4}), {}, at::zeros(w2), {}, Activation::gelu, DropoutPlace::after_activation,
             0, 0);
  };
  testing::expect_error([&] { run({3, 5}, {2, 6}); }, "mlp: x is [3, 5]; expected [..., 4] (d_in of w1)");
  testing::expect_error([&] { run({3, 4}, {2, 7}); }, "mlp: w2 is [2, 7]; expected [d_out, 6] (d_hidden of w1)");
}

}  // namespace
}  // namespace longwave
