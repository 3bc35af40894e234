#include "longwave/nn/long_convolution.h"

#include <ATen/ATen.h>

#include "longwave/base/check.h"

namespace longwave {
namespace {

constexpr std::int64_t kSteps = 32;  // outputs of a window: more waste products, fewer copy the input more often

/// [o, c, k] -> [o, c, kSteps, kSteps + k - 1] whose row t is the kernel shifted by t: rows of k + kSteps numbers, read
/// as rows that are one shorter.
at::Tensor banded(const at::Tensor& weight) {
  const auto o = weight.size(0), c = weight.size(1), width = kSteps + weight.size(2) - 1;
  const auto rows = at::constant_pad_nd(weight, {0, kSteps}).unsqueeze(2).expand({o, c, kSteps, width + 1});
  return rows.reshape({o, c, -1}).narrow(2, 0, kSteps * width).view({o, c, kSteps, width});
}

}  // namespace

at::Tensor long_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            std::int64_t groups) {
  const auto b = x.size(0), l = x.size(2), k = weight.size(2), per_group = weight.size(0) / groups;
  check(k % 2 == 1, "long_convolution: the kernel is ", k, "; expected an odd number");
  const auto blocks = (l + kSteps - 1) / kSteps;
  const auto padded = at::constant_pad_nd(x, {k / 2, blocks * kSteps - l + k / 2});
  const auto windows = padded
                           .unfold(2, kSteps + k - 1, kSteps)  // [b, c, blocks, width]
                           .unflatten(1, {groups, -1})
                           .permute({1, 0, 3, 2, 4})
                           .reshape({groups, b * blocks, -1});
  const auto matrix =
      banded(weight).unflatten(0, {groups, per_group}).transpose(2, 3).reshape({groups, per_group * kSteps, -1});
  const auto y = at::bmm(windows, matrix.transpose(1, 2)).view({groups, b, blocks, per_group, kSteps});
  return y.permute({1, 0, 3, 2, 4}).reshape({b, groups * per_group, -1}).narrow(2, 0, l) + bias.unsqueeze(1);
}

at::Tensor block_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             std::int64_t padding) {
  const auto k = weight.size(2);
  const auto blocks = at::constant_pad_nd(x, {padding, padding}).unfold(2, k, k).transpose(1, 2).flatten(2);
  const auto y = at::linear(blocks, weight.flatten(1), bias);  // [b, blocks, s k]
  return y.unflatten(2, {-1, k}).transpose(1, 2).flatten(2);
}

}  // namespace longwave
