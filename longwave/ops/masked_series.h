#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace longwave::ops {

/// Series y = x * scale, x [b, f, l], scale [b, f, 1], cut where the line 1 - ramp * (sum over time of y mask_weight +
/// mask_bias) of a series is not positive; mask_weight [f, l], mask_bias [f], ramp [l] (a constant). Returns {y or 0
/// [b, f, l], the mean of (change of y from step to step / (its unbiased standard deviation + 1e-6))^2}. The gradient
/// of the cut is that of the line (straight through). float runs the fused kernel (differentiable once, stores nothing
/// but its inputs), double is composed of ATen operators.
std::pair<at::Tensor, at::Tensor> masked_series(const at::Tensor& x, const at::Tensor& scale,
                                                const at::Tensor& mask_weight, const at::Tensor& mask_bias,
                                                const at::Tensor& ramp);

}  // namespace longwave::ops
