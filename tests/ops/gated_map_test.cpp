#include "longwave/ops/gated_map.h"

#include "longwave/kernels/gated_map.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

struct Case {
  std::int64_t rows, in, out;
};
const Case kSmall{5, 3, 4}, kRows{331, 20, 7}, kPanel{200, 64, 130}, kSteps{601, 260, 258};  // of large weights: steps

Tensors inputs_of(const Case& c) {
  at::manual_seed(5);
  return {at::randn({c.rows, c.in}, at::kDouble), at::randn({2 * c.out, c.in}, at::kDouble) / std::sqrt(c.in),
          at::randn({2 * c.out}, at::kDouble)};
}

testing::Op op_of(bool gelu) {
  return [gelu](const Tensors& t) {
    return Tensors{ops::gated_map(t[0], t[1], t.size() > 2 ? t[2] : at::Tensor(), gelu)};
  };
}

TEST(GatedMap, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& c : {kSmall, kRows, kPanel, kSteps})
    for (const bool gelu : {false, true}) {
      const auto in = inputs_of(c);
      testing::expect_float_matches_double(op_of(gelu), in, 2e-5);
      testing::expect_float_matches_double(op_of(gelu), {in[0], in[1]}, 2e-5);
    }
}

TEST(GatedMap, DefinitionMatchesAten) {
  for (const bool gelu : {false, true}) {
    auto in = inputs_of(kRows);
    const auto dy = at::randn({kRows.rows, kRows.out}, at::kDouble);
    for (auto& x : in) x.requires_grad_();
    const auto expected = op_of(gelu)(in)[0];
    expected.backward(dy);
    const auto f = [](const at::Tensor& x) { return x.detach().to(at::kFloat).contiguous(); };
    const auto x = f(in[0]), w = f(in[1]), b = f(in[2]), d = f(dy);
    const auto y = at::empty({kRows.rows, kRows.out}), dx = at::empty_like(x), dw = at::empty_like(w),
               db = at::empty_like(b);
    const kernels::GatedMap m{.x = x.data_ptr<float>(),
                              .weight = w.data_ptr<float>(),
                              .bias = b.data_ptr<float>(),
                              .rows = kRows.rows,
                              .d_in = kRows.in,
                              .d_out = kRows.out,
                              .gelu = gelu};
    kernels::gated_map_reference(m, y.data_ptr<float>());
    kernels::gated_map_grad_reference(
        m, {d.data_ptr<float>(), dx.data_ptr<float>(), dw.data_ptr<float>(), db.data_ptr<float>()});
    EXPECT_LT(testing::largest_difference(y.to(at::kDouble), expected.detach()), 1e-5);
    const Tensors found{dx, dw, db};
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_LT(testing::largest_difference(found[i].to(at::kDouble), in[i].grad()),
                2e-5 * in[i].grad().abs().max().item<double>())
          << i;
  }
}

TEST(GatedMap, GradientsMatchDifferences) {
  for (const bool gelu : {false, true}) testing::expect_gradients_match_differences(op_of(gelu), inputs_of(kSmall));
}

TEST(GatedMap, SameBitsForAnyNumberOfThreads) {
  for (const auto& c : {kRows, kSteps}) testing::expect_same_bits_for_any_threads(op_of(true), inputs_of(c));
}

TEST(GatedMap, SameWithAndWithoutGradients) {
  const auto in = inputs_of(kPanel);
  const auto x = in[0].to(at::kFloat), w = in[1].to(at::kFloat);
  const auto y = ops::gated_map(x, w);
  EXPECT_TRUE(at::equal(y, ops::gated_map(x.clone().requires_grad_(), w).detach()));
}

TEST(GatedMap, OutputsOfOtherRowsAreZero) {
  auto valid = (at::arange(kRows.rows) % 5 != 1).unsqueeze(-1);
  valid.slice(0, 110, 300).fill_(false);  // the end of a step and a whole one
  const testing::Op op = [&](const Tensors& t) { return Tensors{ops::gated_map(t[0], t[1], t[2], true, valid)}; };
  testing::expect_float_matches_double(op, inputs_of(kRows), 2e-5);
  const auto y = op(inputs_of(kRows))[0];
  EXPECT_EQ(y.masked_select(valid.logical_not()).abs().sum().item<double>(), 0);
  EXPECT_TRUE(at::equal(y.masked_select(valid), op_of(true)(inputs_of(kRows))[0].masked_select(valid)));
}

TEST(GatedMap, TakesAnyStridesAndShapes) {
  const auto x = at::randn({6, 2, 5}).transpose(0, 2), w = at::randn({8, 6});  // x [5, 2, 6]
  EXPECT_TRUE(at::equal(ops::gated_map(x, w), ops::gated_map(x.contiguous(), w)));
  EXPECT_EQ(ops::gated_map(at::ones({3, 0, 6}), w).sizes(), at::IntArrayRef({3, 0, 4}));
  const auto leaf = w.clone().requires_grad_();
  ops::gated_map(at::ones({0, 6}), leaf).sum().backward();
  EXPECT_EQ(leaf.grad().abs().sum().item<float>(), 0);
}

TEST(GatedMap, WrongInputsGetOneLine) {
  const auto message = [](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    try {
      ops::gated_map(x, weight, bias);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto x = at::ones({2, 4});
  EXPECT_EQ(message(x, at::ones({5, 4}), {}), "gated_map: weight is [5, 4]; expected [2 d_out, d_in]");
  EXPECT_EQ(message(x, at::ones({6, 3}), {}), "gated_map: x is [2, 4]; expected [..., 3] (d_in of weight)");
  EXPECT_EQ(message(x, at::ones({6, 4}), at::ones({3})), "gated_map: bias is [3]; expected [6] to fit weight [6, 4]");
  EXPECT_EQ(message(x, at::ones({6, 4}, at::kDouble), {}), "gated_map: weight is Double; expected Float like x");
}

}  // namespace
}  // namespace longwave
