#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// First half of the last axis of x + bias times the logistic function of the second half: x [..., 2 d] -> [..., d],
/// with the bias [2 d] of the linear map that made x, or none. In one pass, that of the gradient as well; only the
/// inputs are kept for it. float runs the fused kernel (differentiable once), double is composed of ATen operators.
at::Tensor gated_linear_unit(const at::Tensor& x, const at::Tensor& bias = {});

}  // namespace longwave::ops
