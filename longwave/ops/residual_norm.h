#pragma once

#include <ATen/core/Tensor.h>

#include <tuple>

namespace longwave::ops {

/// The start of every half block in one pass: s = x + residual and its norm over the last dimension,
/// (s - mean(s)) / sqrt(variance(s) + eps) * weight + bias. x, residual [..., d]; weight, bias [d]; residual and bias
/// may be undefined. Returns the norm and s (x itself without residual). Only s is kept for the gradient. float runs
/// the fused kernel (differentiable once), double is composed of ATen operators.
std::tuple<at::Tensor, at::Tensor> residual_layer_norm(const at::Tensor& x, const at::Tensor& residual,
                                                       const at::Tensor& weight, const at::Tensor& bias,
                                                       double eps = 1e-5);

/// The same with s / sqrt(mean(s^2) + eps) * weight.
std::tuple<at::Tensor, at::Tensor> residual_rms_norm(const at::Tensor& x, const at::Tensor& residual,
                                                     const at::Tensor& weight, double eps = 1e-5);

/// Layer norm alone.
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps = 1e-5);

}  // namespace longwave::ops
