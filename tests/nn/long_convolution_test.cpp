#include "longwave/nn/long_convolution.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace longwave {
namespace {

double largest_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

void expect_like_conv1d(std::int64_t channels, std::int64_t outputs, std::int64_t kernel, std::int64_t length,
                        std::int64_t groups) {
  const auto x = at::randn({3, channels, length}, at::kDouble);
  const auto weight = at::randn({outputs, channels / groups, kernel}, at::kDouble).requires_grad_();
  const auto bias = at::randn({outputs}, at::kDouble);
  const auto ours = long_convolution(x, weight, bias, groups);
  const auto expected = at::conv1d(x, weight, bias, 1, kernel / 2, 1, groups);
  ASSERT_EQ(ours.sizes(), expected.sizes());
  EXPECT_LT(largest_difference(ours, expected), 1e-11);
  const auto along = at::randn_like(expected);
  (ours * along).sum().backward();
  const auto gradient = weight.grad().clone();
  weight.mutable_grad().zero_();
  (expected * along).sum().backward();
  EXPECT_LT(largest_difference(gradient, weight.grad()), 1e-11);
}

TEST(LongConvolution, IsAConvolutionForwardAndBackward) {
  expect_like_conv1d(3, 5, 49, 77, 1);
  expect_like_conv1d(2, 4, 193, 64, 1);
  expect_like_conv1d(1, 1, 3, 5, 1);
}

TEST(LongConvolution, KeepsGroupsApart) { expect_like_conv1d(3, 6, 99, 50, 3); }

TEST(BlockConvolution, FillsTheBlocksOfAStridedConvolution) {
  const std::int64_t kernel = 12, series = 5, padding = 4, blocks = 9;
  const auto x = at::randn({3, 2, 100}, at::kDouble), bias = at::randn({series * kernel}, at::kDouble);
  const auto weight = at::randn({series * kernel, 2, kernel}, at::kDouble);
  const auto y = at::conv1d(x, weight, bias, kernel, padding);
  const auto expected = y.reshape({3, series, kernel, blocks}).transpose(2, 3).reshape({3, series, blocks * kernel});
  const auto ours = block_convolution(x, weight, bias, padding);
  ASSERT_EQ(ours.sizes(), expected.sizes());
  EXPECT_LT(largest_difference(ours, expected), 1e-11);
}

}  // namespace
}  // namespace longwave
