#include "longwave/ops/recurrent.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using ops::Cell;
using testing::Tensors;

const std::vector<Cell> kCells = {Cell::rnn_tanh, Cell::rnn_relu, Cell::lstm, Cell::gru, Cell::slstm};

struct Sizes {
  std::int64_t b, t, heads, p;
};
// One unit, one row, one step; so few rows and steps that nothing is packed; fewer and more units and rows than a
// register tile; several heads.
const std::vector<Sizes> kSizes = {{1, 1, 1, 1},   {2, 2, 2, 21}, {2, 5, 3, 7},
                                   {13, 4, 1, 37}, {3, 6, 2, 64}, {9, 2, 1, 130}};

/// wx, r, bias, state: a state as the cell itself would leave it (n >= 1 for the sLSTM).
Tensors random_inputs(Cell cell, const Sizes& s) {
  at::manual_seed(7);
  const auto gates = kernels::gates_of(cell);
  const double scale = 1 / std::sqrt(static_cast<double>(s.p));
  auto state = at::randn({s.b, kernels::states_of(cell), s.heads, s.p}, at::kDouble);
  if (cell == Cell::slstm) state.select(1, 2).abs_().add_(1);
  return {at::randn({s.b, s.t, gates, s.heads, s.p}, at::kDouble),
          at::randn({s.heads, s.p, gates, s.p}, at::kDouble) * scale,
          at::randn({kernels::biases_of(cell), s.heads, s.p}, at::kDouble), state};
}

testing::Op op_of(Cell cell, bool reverse = false, at::Tensor lengths = {}) {
  return [=](const Tensors& in) -> Tensors {
    const auto out = ops::recurrent(in[0], in[1], in[2], in[3], lengths, {.cell = cell, .reverse = reverse});
    return {out.y, out.last};
  };
}

TEST(Recurrent, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto cell : kCells)
    for (const auto& sizes : kSizes)
      for (const bool reverse : {false, true})
        testing::expect_float_matches_double(op_of(cell, reverse), random_inputs(cell, sizes), 2e-5);
}

TEST(Recurrent, GradientsMatchDifferences) {
  for (const auto cell : kCells) {
    const auto lengths = at::tensor({3, 0, 4}, at::kLong);
    for (const bool reverse : {false, true}) {
      testing::expect_gradients_match_differences(op_of(cell, reverse), random_inputs(cell, {2, 4, 2, 3}));
      testing::expect_gradients_match_differences(op_of(cell, reverse, lengths), random_inputs(cell, {3, 4, 1, 2}));
    }
  }
}

TEST(Recurrent, SameBitsForAnyNumberOfThreads) {
  // The gradient of r is a matrix product of the BLAS at hand, which may split its sums by threads.
  for (const auto cell : kCells)
    testing::expect_same_bits_for_any_threads(
        [&](const Tensors& in) -> Tensors {
          const auto out = ops::recurrent(in[0], in[1].detach(), in[2], in[3], {}, {.cell = cell});
          return {out.y, out.last};
        },
        random_inputs(cell, {23, 5, 2, 19}));
}

TEST(Recurrent, LengthsGiveWhatEachRowGivesAlone) {
  const std::vector<std::int64_t> sizes = {7, 1, 0, 4};
  for (const auto cell : kCells)
    for (const bool reverse : {false, true})
      for (const auto type : {at::kFloat, at::kDouble}) {
        auto in = random_inputs(cell, {4, 7, 2, 9});
        for (auto& x : in) x = x.to(type);
        const ops::RecurrentOptions options{.cell = cell, .reverse = reverse};
        const auto together = ops::recurrent(in[0], in[1], in[2], in[3], at::tensor(sizes, at::kLong), options, true);
        for (std::int64_t row = 0; row < 4; ++row) {
          const auto n = sizes[static_cast<std::size_t>(row)];
          const auto state = in[3].narrow(0, row, 1);
          EXPECT_EQ(together.y[row].narrow(0, n, 7 - n).abs().sum().item<double>(), 0);
          if (n == 0) {
            EXPECT_TRUE(at::equal(together.last[row], state[0]));
            continue;
          }
          const auto alone =
              ops::recurrent(in[0].narrow(0, row, 1).narrow(1, 0, n), in[1], in[2], state, {}, options, true);
          EXPECT_TRUE(at::equal(together.y[row].narrow(0, 0, n), alone.y[0]));
          EXPECT_TRUE(at::equal(together.last[row], alone.last[0]));
          if (kernels::states_of(cell) > 1) {
            EXPECT_TRUE(at::equal(together.memory[row].narrow(0, 0, n), alone.memory[0]));
          }
        }
      }
}

TEST(Recurrent, ACutGradientDoesNotReachEarlierSteps) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    auto in = random_inputs(Cell::rnn_tanh, {2, 3, 1, 5});
    for (auto& x : in) x = x.to(type).requires_grad_();
    const auto out = ops::recurrent(in[0], in[1], in[2], in[3], {}, {.cell = Cell::rnn_tanh, .clip = 0});
    out.y.select(1, 2).sum().backward();
    EXPECT_EQ(in[0].grad().narrow(1, 0, 2).abs().sum().item<double>(), 0);
    EXPECT_EQ(in[3].grad().abs().sum().item<double>(), 0);
    EXPECT_GT(in[1].grad().abs().sum().item<double>(), 0);
  }
}

TEST(Recurrent, AClippedGradientIsBounded) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    auto in = random_inputs(Cell::rnn_relu, {2, 3, 1, 5});
    for (auto& x : in) x = x.to(type).requires_grad_();
    const auto out = ops::recurrent(in[0], in[1], in[2], in[3], {}, {.cell = Cell::rnn_relu, .clip = 1e-3});
    (1e3 * out.y.select(1, 2)).sum().backward();
    EXPECT_LE(in[3].grad().abs().max().item<double>(), 1.0001e-3);
    EXPECT_GT(in[3].grad().abs().max().item<double>(), 0.5e-3);
  }
}

TEST(Recurrent, NotANumberIsNotSwallowed) {
  for (const auto cell : {Cell::rnn_tanh, Cell::lstm, Cell::gru, Cell::slstm}) {
    auto in = random_inputs(cell, {1, 2, 1, 20});
    for (auto& x : in) x = x.to(at::kFloat);
    in[0][0][0].fill_(NAN);
    EXPECT_TRUE(at::isnan(ops::recurrent(in[0], in[1], in[2], in[3], {}, {.cell = cell}).y).all().item<bool>());
  }
}

TEST(Recurrent, HugeInputsSaturate) {
  for (const double size : {1e4, -1e4, 1e30}) {
    auto in = random_inputs(Cell::lstm, {2, 3, 1, 17});
    for (auto& x : in) x = x.to(at::kFloat);
    in[0].fill_(size);
    const auto y = ops::recurrent(in[0], in[1], in[2], in[3], {}, {.cell = Cell::lstm}).y;
    EXPECT_TRUE(at::isfinite(y).all().item<bool>()) << size;
  }
}

TEST(Recurrent, AnInputGateThatIsShutInTheFirstStepKeepsNothing) {
  auto in = random_inputs(Cell::slstm, {2, 3, 1, 17});
  in[0].select(2, 0).fill_(-200);  // m = -200 far below l, which is about 0: e^(l - m) is beyond float
  in[3].zero_();
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (auto& x : in) x = x.detach().to(type).requires_grad_();
    const auto out = ops::recurrent(in[0], in[1], in[2], in[3], {}, {.cell = Cell::slstm});
    EXPECT_TRUE(at::isfinite(out.y).all().item<bool>());
    out.y.sum().backward();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(at::isfinite(in[i].grad()).all().item<bool>()) << i;
  }
}

TEST(Recurrent, OnePartOfAJointProjectionNeedsNoCopy) {
  const auto in = random_inputs(Cell::lstm, {2, 5, 1, 6});
  const auto joint = at::stack({at::zeros_like(in[0]), in[0]}, 2);
  const auto out = ops::recurrent(joint.select(2, 1), in[1], in[2], in[3], {}, {.cell = Cell::lstm});
  EXPECT_TRUE(at::equal(out.y, ops::recurrent(in[0], in[1], in[2], in[3], {}, {.cell = Cell::lstm}).y));
}

TEST(Recurrent, MatricesOfTheLayoutOfTorchNeedNoCopyAndGiveTheSame) {
  for (const auto& sizes : kSizes)
    for (const auto cell : {Cell::lstm, Cell::gru}) {
      const auto turned = [&](const Tensors& in) -> Tensors {
        const auto as_torch = in[1].permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2});
        const auto out = ops::recurrent(in[0], as_torch, in[2], in[3], {}, {.cell = cell});
        return {out.y, out.last};
      };
      const auto in = random_inputs(cell, sizes);
      testing::expect_float_matches_double(turned, in, 2e-5);
      testing::expect_close(testing::outputs_and_gradients(turned, in, at::kDouble),
                            testing::outputs_and_gradients(op_of(cell), in, at::kDouble), 1e-12, "double");
    }
}

TEST(Recurrent, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::recurrent(at::ones({2, 3, 4, 1, 5}), at::ones({1, 5, 4, 6}), at::ones({4, 1, 5}), at::ones({2, 2, 1, 5}),
                       {}, {.cell = Cell::lstm});
      },
      "recurrent: r is [1, 5, 4, 6]; expected [1, 5, 4, 5] to fit wx [2, 3, 4, 1, 5]");
  testing::expect_error(
      [] {
        ops::recurrent(at::ones({2, 3, 4, 1, 5}), at::ones({1, 5, 4, 5}), at::ones({4, 1, 5}), at::ones({2, 2, 1, 5}),
                       at::tensor({3, 4}, at::kLong), {.cell = Cell::lstm});
      },
      "recurrent: lengths[1] is 4; expected 0 .. t = 3");
}

TEST(Recurrent, MetaTensorsHaveTheShape) {
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto out =
      ops::recurrent(at::empty({2, 3, 4, 1, 5}, meta), at::empty({1, 5, 4, 5}, meta), at::empty({4, 1, 5}, meta),
                     at::empty({2, 2, 1, 5}, meta), at::empty({0}, meta.dtype(at::kLong)), {.cell = Cell::lstm});
  EXPECT_EQ(out.y.sizes(), at::IntArrayRef({2, 3, 1, 5}));
  EXPECT_EQ(out.last.sizes(), at::IntArrayRef({2, 2, 1, 5}));
}

}  // namespace
}  // namespace longwave
