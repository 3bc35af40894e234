#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// x / sqrt(mean(x^2) + eps) * weight. weight [d]: over the last dimension of x [..., d]. weight [g, e]: over each of
/// the g blocks of e numbers of the last dimension, x [..., g e] (per-head norms). Only x is saved for the gradient.
/// float runs the fused kernel (differentiable once), double is composed of ATen operators.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps = 1e-5);

}  // namespace longwave::ops
