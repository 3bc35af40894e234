#include "longwave/ops/causal_linear_attention.h"
#include "longwave/ops/rms_norm.h"
#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

Tensors random_inputs(const std::vector<std::vector<std::int64_t>>& shapes) {
  at::manual_seed(7);
  Tensors inputs;
  for (const auto& shape : shapes) inputs.push_back(at::randn(shape, at::kDouble));
  return inputs;
}

Tensors attention(const Tensors& t) { return {ops::causal_linear_attention(t[0], t[1], t[2])}; }
Tensors norm(const Tensors& t) { return {ops::rms_norm(t[0], t[1], 1e-5)}; }

// Short and long in time, narrow and wide, so that both forms of the kernel run.
const std::vector<std::vector<std::int64_t>> kAttentionShapes{
    {2, 1, 1, 1}, {3, 22, 2, 8}, {2, 7, 3, 37}, {1, 12, 1, 116}, {1, 130, 2, 5}};

TEST(CausalLinearAttention, FloatMatchesDoubleOnEveryInstructionSet) {
  for (const auto& shape : kAttentionShapes)
    testing::expect_float_matches_double(attention, random_inputs({shape, shape, shape}), 1e-5);
}

TEST(CausalLinearAttention, GradientsMatchDifferences) {
  const std::vector<std::int64_t> shape{2, 5, 2, 3};
  testing::expect_gradients_match_differences(attention, random_inputs({shape, shape, shape}));
}

TEST(CausalLinearAttention, SameBitsForAnyNumberOfThreads) {
  for (const auto& shape : kAttentionShapes)
    testing::expect_same_bits_for_any_threads(attention, random_inputs({shape, shape, shape}));
}

TEST(CausalLinearAttention, SlicesOfAJointProjectionNeedNoCopy) {
  const auto joint = at::randn({2, 9, 3, 2, 8});
  const auto parts = joint.unbind(2);
  const auto whole = ops::causal_linear_attention(parts[0].contiguous(), parts[1].contiguous(), parts[2].contiguous());
  EXPECT_TRUE(at::equal(ops::causal_linear_attention(parts[0], parts[1], parts[2]), whole));
}

TEST(CausalLinearAttention, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::causal_linear_attention(at::ones({1, 2, 1, 4}), at::ones({1, 3, 1, 4}), at::ones({1, 2, 1, 4}));
      },
      "causal_linear_attention: k is [1, 3, 1, 4]; expected [1, 2, 1, 4] like q");
}

TEST(RmsNorm, FloatMatchesDoubleOnEveryInstructionSet) {
  testing::expect_float_matches_double(norm, random_inputs({{3, 41, 37}, {37}}), 1e-5);
  testing::expect_float_matches_double(norm, random_inputs({{131, 24}, {3, 8}}), 1e-5);
}

TEST(RmsNorm, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(norm, random_inputs({{4, 6}, {6}}));
  testing::expect_gradients_match_differences(norm, random_inputs({{4, 6}, {2, 3}}));
}

TEST(RmsNorm, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads(norm, random_inputs({{1031, 24}, {3, 8}}));
}

TEST(RmsNorm, WrongInputsGetOneLine) {
  testing::expect_error(
      [] {
        ops::rms_norm(at::ones({2, 5}), at::ones({2, 3}));
      },
      "rms_norm: x is [2, 5]; expected [..., 6] (size of weight)");
}

TEST(SequenceOps, MetaTensorsHaveTheShape) {
  const auto x = at::empty({2, 3, 4, 5}, at::TensorOptions().device(at::kMeta));
  EXPECT_EQ(ops::causal_linear_attention(x, x, x).sizes(), x.sizes());
  EXPECT_EQ(ops::rms_norm(x, at::empty({5}, x.options())).sizes(), x.sizes());
}

}  // namespace
}  // namespace longwave
