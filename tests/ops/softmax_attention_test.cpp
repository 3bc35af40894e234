#include "longwave/ops/softmax_attention.h"

#include <limits>

#include "longwave/nn/tensor_memory.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using ops::SoftmaxAttentionOptions;
using testing::Tensors;

struct Sizes {
  std::int64_t b, t, s, h, key_heads, d, e;
};
// One of everything; odd ones; grouped heads; more queries and keys than a tile; wide and uneven heads.
const std::vector<Sizes> kSizes = {{1, 1, 1, 1, 1, 1, 1},     {2, 5, 7, 3, 3, 6, 4},      {1, 19, 19, 4, 2, 8, 8},
                                   {2, 3, 131, 4, 2, 72, 40}, {1, 70, 131, 2, 1, 16, 24}, {1, 200, 200, 1, 1, 64, 64},
                                   {1, 33, 140, 1, 1, 80, 72}};

Tensors random_inputs(const Sizes& z) {
  at::manual_seed(7);
  return {at::randn({z.b, z.t, z.h, z.d}, at::kDouble), at::randn({z.b, z.s, z.key_heads, z.d}, at::kDouble),
          at::randn({z.b, z.s, z.key_heads, z.e}, at::kDouble)};
}

testing::Op op_of(const SoftmaxAttentionOptions& options) {
  return [=](const Tensors& in) -> Tensors {
    auto typed = options;
    if (typed.slopes.defined()) typed.slopes = typed.slopes.to(in[0].scalar_type());
    const auto [y, lse] = ops::softmax_attention(in[0], in[1], in[2], typed);
    return {y, lse};
  };
}

at::Tensor slopes_of(std::int64_t heads) { return at::linspace(0.4, 0.02, heads, at::kDouble); }

/// The textbook, with the whole matrix; `bias` is added to the scores.
at::Tensor textbook(const Tensors& in, double scale, const at::Tensor& visible, const at::Tensor& bias = {}) {
  const auto groups = in[0].size(2) / in[1].size(2);
  const auto q = in[0].transpose(1, 2);
  const auto k = in[1].transpose(1, 2).repeat_interleave(groups, 1),
             v = in[2].transpose(1, 2).repeat_interleave(groups, 1);
  auto scores = at::matmul(q, k.transpose(2, 3)) * scale;
  if (bias.defined()) scores = scores + bias;
  scores = scores.masked_fill(visible.logical_not(), -1e300);
  return at::matmul(at::softmax(scores, -1), v).transpose(1, 2);
}

TEST(SoftmaxAttention, IsTheTextbook) {
  for (const auto& z : kSizes) {
    const auto in = random_inputs(z);
    const auto all = at::ones({z.t, z.s}, at::kBool);
    EXPECT_LT(testing::largest_difference(std::get<0>(ops::softmax_attention(in[0], in[1], in[2], {.causal = false})),
                                          textbook(in, 1 / std::sqrt(static_cast<double>(z.d)), all)),
              1e-12);
    EXPECT_LT(testing::largest_difference(
                  std::get<0>(ops::softmax_attention(in[0], in[1], in[2], {.scale = 0.3, .causal = true})),
                  textbook(in, 0.3, all.tril())),
              1e-12);
  }
}

TEST(SoftmaxAttention, SlopesAreTheTextbook) {
  for (const auto& z : kSizes)
    for (const bool causal : {false, true}) {
      const auto in = random_inputs(z);
      const auto offset = z.s / 3;  // of the queries
      const auto ahead = (at::arange(z.t) + offset).unsqueeze(1) - at::arange(z.s);
      const auto bias = -slopes_of(z.h).view({-1, 1, 1}) * ahead.abs();
      const auto y = std::get<0>(ops::softmax_attention(
          in[0], in[1], in[2],
          {.causal = causal, .offsets = at::full({z.b}, offset, at::kLong), .slopes = slopes_of(z.h)}));
      const auto visible = causal ? ahead >= 0 : at::ones_like(ahead, at::kBool);
      EXPECT_LT(testing::largest_difference(y, textbook(in, 1 / std::sqrt(static_cast<double>(z.d)), visible, bias)),
                1e-12);
    }
}

TEST(SoftmaxAttention, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& z : kSizes)
    for (const bool causal : {false, true})
      for (const auto& slopes : {at::Tensor(), slopes_of(z.h)})
        testing::expect_float_matches_double(op_of({.causal = causal, .slopes = slopes}), random_inputs(z), 2e-5);
}

TEST(SoftmaxAttention, MasksAndOffsetsMatchDoubleOnEveryInstructionSet) {
  at::manual_seed(3);
  const auto mask = at::rand({2, 150}) < 0.7;
  const auto offsets = at::tensor({100, 3}, at::kLong);
  for (const std::int64_t queries : {50, 5}) {  // in tiles and each by itself
    const Sizes z{2, queries, 150, 4, 2, 12, 20};
    testing::expect_float_matches_double(op_of({.causal = false, .key_mask = mask}), random_inputs(z), 2e-5);
    testing::expect_float_matches_double(op_of({.causal = true, .offsets = offsets}), random_inputs(z), 2e-5);
    testing::expect_float_matches_double(op_of({.causal = true, .key_mask = mask, .offsets = offsets}),
                                         random_inputs(z), 2e-5);
    testing::expect_float_matches_double(op_of({.causal = true, .key_mask = at::ones_like(mask), .offsets = offsets}),
                                         random_inputs(z), 2e-5);
    for (const bool causal : {false, true})
      testing::expect_float_matches_double(
          op_of({.causal = causal, .key_mask = mask, .offsets = offsets, .slopes = slopes_of(z.h)}), random_inputs(z),
          2e-5);
  }
}

TEST(SoftmaxAttention, GradientsMatchDifferences) {
  const auto mask = at::tensor({1, 0, 1, 1, 1, 0}, at::kLong).view({2, 3}) != 0;
  const auto offsets = at::tensor({1, 2}, at::kLong);
  const Sizes z{2, 4, 3, 2, 1, 3, 2};
  testing::expect_gradients_match_differences(op_of({.causal = false, .key_mask = mask}), random_inputs(z));
  testing::expect_gradients_match_differences(op_of({.causal = true, .offsets = offsets}), random_inputs(z));
  for (const bool causal : {false, true})
    testing::expect_gradients_match_differences(op_of({.causal = causal, .offsets = offsets, .slopes = slopes_of(z.h)}),
                                                random_inputs(z));
}

TEST(SoftmaxAttention, SameBitsForAnyNumberOfThreads) {
  for (const auto& z : kSizes) testing::expect_same_bits_for_any_threads(op_of({.causal = true}), random_inputs(z));
}

TEST(SoftmaxAttention, AQueryThatSeesNothingGetsZeroAndPassesNoGradient) {
  const auto mask = at::tensor({0, 0, 0, 1, 1, 1}, at::kLong).view({2, 3}) != 0;
  for (const auto type : {at::kFloat, at::kDouble}) {
    auto in = random_inputs({2, 3, 3, 1, 1, 4, 4});
    for (auto& x : in) x = x.to(type).requires_grad_();
    const auto [y, lse] = ops::softmax_attention(in[0], in[1], in[2], {.causal = true, .key_mask = mask});
    EXPECT_EQ(y[0].abs().sum().item<double>(), 0);
    EXPECT_EQ(lse[0].max().item<double>(), -std::numeric_limits<double>::infinity());
    y.sum().backward();
    for (const auto& x : in) {
      EXPECT_EQ(x.grad()[0].abs().sum().item<double>(), 0);
      EXPECT_TRUE(at::isfinite(x.grad()).all().item<bool>());
    }
  }
}

TEST(SoftmaxAttention, LargeScoresDoNotOverflow) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    auto in = random_inputs({1, 9, 9, 1, 1, 4, 4});
    for (auto& x : in) x = (x * 300).to(type).requires_grad_();
    const auto y = std::get<0>(ops::softmax_attention(in[0], in[1], in[2], {}));
    y.sum().backward();
    EXPECT_TRUE(at::isfinite(y).all().item<bool>());
    for (const auto& x : in) EXPECT_TRUE(at::isfinite(x.grad()).all().item<bool>());
  }
}

TEST(SoftmaxAttention, PartsOverSplitKeysMergeToTheWhole) {
  const auto in = random_inputs({2, 3, 20, 2, 2, 5, 5});
  const SoftmaxAttentionOptions all{.causal = false};
  const auto [whole, whole_lse] = ops::softmax_attention(in[0], in[1], in[2], all);
  const auto part = [&](std::int64_t at, std::int64_t n) {
    return ops::softmax_attention(in[0], in[1].narrow(1, at, n), in[2].narrow(1, at, n), all);
  };
  const auto [y1, lse1] = part(0, 7);
  const auto [y2, lse2] = part(7, 13);
  const auto lse = at::logaddexp(lse1, lse2);
  const auto weight = [&](const at::Tensor& l) { return (l - lse).exp().transpose(1, 2).unsqueeze(-1); };
  EXPECT_LT(testing::largest_difference(y1 * weight(lse1) + y2 * weight(lse2), whole), 1e-12);
  EXPECT_LT(testing::largest_difference(lse, whole_lse), 1e-12);
}

TEST(SoftmaxAttention, MemoryGrowsLinearlyWithTheLength) {
  const auto allocated = [](std::int64_t t) {
    auto q = at::randn({1, t, 1, 16}).requires_grad_();
    return count_tensor_memory([&] { std::get<0>(ops::softmax_attention(q, q, q, {})).sum().backward(); }).asked;
  };
  EXPECT_LT(allocated(4096), 5 * allocated(1024));
}

TEST(SoftmaxAttention, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::softmax_attention(at::ones({1, 2, 4, 8}), at::ones({1, 2, 3, 8}), at::ones({1, 2, 3, 8}), {});
      },
      "softmax_attention: k is [1, 2, 3, 8]; expected [1, s, divisor of 4, 8] to fit q [1, 2, 4, 8]");
  const auto with = [](const at::Tensor& slopes) {
    const auto q = at::ones({1, 2, 4, 8});
    ops::softmax_attention(q, q, q, {.slopes = slopes});
  };
  testing::expect_error([&] { with(at::ones({3})); }, "softmax_attention: slopes is Float [3]; expected Float [4]");
  testing::expect_error([&] { with(at::ones({4}).requires_grad_()); },
                        "softmax_attention: slopes ask for a gradient; expected constants");
}

TEST(SoftmaxAttention, MetaTensorsHaveTheShape) {
  const auto meta = at::TensorOptions().device(at::kMeta);
  const auto q = at::empty({2, 3, 4, 5}, meta), k = at::empty({2, 6, 2, 5}, meta), v = at::empty({2, 6, 2, 7}, meta);
  const auto [y, lse] = ops::softmax_attention(q, k, v, {});
  EXPECT_EQ(y.sizes(), at::IntArrayRef({2, 3, 4, 7}));
  EXPECT_EQ(lse.sizes(), at::IntArrayRef({2, 4, 3}));
}

}  // namespace
}  // namespace longwave
