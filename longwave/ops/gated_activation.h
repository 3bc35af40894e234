#pragma once

#include <ATen/core/Tensor.h>

#include "longwave/kernels/gated_activation.h"

namespace longwave::ops {

using kernels::HiddenFunction;

/// f(x + bias) * up in one pass: bias and activation of a hidden layer, or the gate of a gated linear unit. x [..., d];
/// bias [d] and up (like x) may be undefined. Only the inputs are kept for the gradient. float runs the fused kernel
/// (differentiable once), double is composed of ATen operators.
at::Tensor gated_activation(const at::Tensor& x, const at::Tensor& bias, const at::Tensor& up, HiddenFunction function);

}  // namespace longwave::ops
