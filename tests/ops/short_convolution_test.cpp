#include "longwave/ops/short_convolution.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

Tensors with_silu(const Tensors& t) { return {ops::short_convolution(t[0], t[1], t[2], true, t[3])}; }
Tensors without(const Tensors& t) { return {ops::short_convolution(t[0], t[1], t[2], false, t[3])}; }

Tensors random_inputs(std::int64_t b, std::int64_t t, std::int64_t d, std::int64_t w) {
  at::manual_seed(7);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  return {at::randn({b, t, d}, options), at::randn({d, w}, options), at::randn({d}, options),
          at::randn({b, w, d}, options)};
}

TEST(ShortConvolution, IsAConvolution) {
  const auto in = random_inputs(2, 11, 5, 4);
  const auto history = at::cat({in[3].slice(1, 1), in[0]}, 1).transpose(1, 2);
  const auto expected =
      at::silu(at::conv1d(history, in[1].unsqueeze(1), in[2], {1}, at::IntArrayRef{0}, {1}, 5)).transpose(1, 2);
  EXPECT_LT(testing::largest_difference(with_silu(in)[0], expected), 1e-12);
}

TEST(ShortConvolution, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const std::int64_t d : {1, 7, 33, 150}) {
    testing::expect_float_matches_double(with_silu, random_inputs(2, 19, d, 4), 1e-5);
    testing::expect_float_matches_double(without, random_inputs(2, 2, d, 5), 1e-5);
    testing::expect_float_matches_double(with_silu, random_inputs(2, 1, d, 1), 1e-5);
  }
}

TEST(ShortConvolution, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(with_silu, random_inputs(2, 6, 3, 4));
  testing::expect_gradients_match_differences(without, random_inputs(2, 2, 3, 5));
}

TEST(ShortConvolution, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(with_silu, random_inputs(3, 17, 290, 3));
}

TEST(ShortConvolution, SlicesOfAJointProjectionNeedNoCopy) {
  const auto joint = at::randn({2, 9, 3, 8}), weight = at::randn({8, 3});
  const auto x = joint.select(2, 1);
  EXPECT_TRUE(
      at::equal(ops::short_convolution(x, weight, {}, true), ops::short_convolution(x.contiguous(), weight, {}, true)));
}

TEST(ShortConvolution, AnySplitWithCarriedStateEqualsTheWhole) {
  const auto x = at::randn({3, 13, 6}), weight = at::randn({6, 4});
  const auto whole = ops::short_convolution(x, weight, {}, true);
  for (const std::int64_t piece : {1, 2, 5}) {
    auto state = at::zeros({3, 4, 6});
    for (std::int64_t t = 0; t < 13; t += piece) {
      const auto part = x.slice(1, t, t + piece);
      EXPECT_TRUE(at::equal(ops::short_convolution(part, weight, {}, true, state), whole.slice(1, t, t + piece)));
      state = ops::short_convolution_state(part, state);
    }
    EXPECT_TRUE(at::equal(state, x.slice(1, 9)));
  }
}

TEST(ShortConvolution, StateEndsAtEachRowsLength) {
  const auto x = at::randn({4, 7, 2}), state = at::randn({4, 3, 2});
  const std::vector<std::int64_t> lengths{0, 1, 3, 7};
  const auto kept = ops::short_convolution_state(x, state, at::tensor(lengths));
  for (std::int64_t row = 0; row < 4; ++row) {
    const auto alone = at::cat({state[row], x[row].slice(0, 0, lengths[row])}, 0);
    EXPECT_TRUE(at::equal(kept[row], alone.slice(0, lengths[row]))) << row;
  }
}

TEST(ShortConvolution, MetaTensorsHaveTheShape) {
  const auto options = at::TensorOptions().device(at::kMeta);
  const auto x = at::empty({2, 3, 4}, options);
  EXPECT_EQ(ops::short_convolution(x, at::empty({4, 2}, options), {}, true).sizes(), x.sizes());
}

TEST(ShortConvolution, WrongInputsGetOneLine) {
  const auto x = at::ones({2, 3, 4});
  testing::expect_error(
      [&] {
        ops::short_convolution(x, at::ones({3, 2}), {}, true);
      },
      "short_convolution: weight is [3, 2]; expected [d, w] with d = 4");
  testing::expect_error(
      [&] {
        ops::short_convolution(x, at::ones({4, 2}), {}, true, at::ones({2, 1, 4}));
      },
      "short_convolution: state is [2, 1, 4]; expected [b, w, d] = [2, 2, 4]");
  testing::expect_error(
      [&] {
        ops::short_convolution_state(x, at::ones({2, 2, 4}), at::tensor({3, 4}, at::kLong));
      },
      "short_convolution_state: lengths[1] is 4; expected 0 .. t = 3");
}

}  // namespace
}  // namespace longwave
