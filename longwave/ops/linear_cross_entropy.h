#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave::ops {

/// Cross-entropy of the logits x W' + b with class indices, whose logits and gradients exist for some rows at a time
/// only: memory does not grow with rows x classes. x [n, d], weight [classes, d], bias [classes] or undefined, targets
/// int64 [n] in 0 .. classes - 1 or equal to `ignored`. Returns the losses [n], zero at ignored rows. Where
/// gradients are asked for, forward makes those of the sum of losses, too, and backward multiplies them; only if the
/// rows have different weights there, it makes the logits again. float runs the fused kernel (differentiable once),
/// double is composed of ATen operators.
at::Tensor linear_cross_entropies(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                  const at::Tensor& targets, std::int64_t ignored = -100);

/// Their mean over the rows that are not ignored (of no row: 0).
at::Tensor linear_cross_entropy(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                const at::Tensor& targets, std::int64_t ignored = -100);

}  // namespace longwave::ops
