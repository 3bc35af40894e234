#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

struct BatchNormResult {
  at::Tensor y;               // like x, zero where `valid` is false
  at::Tensor mean, variance;  // [d], of the vectors that are valid; biased; without gradient
};

/// Batch norm as in training: weight (x - mean) / sqrt(variance + eps) + bias by the statistics of x itself, of the
/// vectors [..., d] where `valid` [..., 1] (bool; undefined: everywhere) is true, at least one. weight, bias [d].
/// float runs the fused kernel (differentiable once), double is composed of ATen operators.
BatchNormResult batch_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           const at::Tensor& valid, double eps);

}  // namespace longwave::ops
