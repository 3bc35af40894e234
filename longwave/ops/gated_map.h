#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// (A n + a) times the logistic function of (B n + b), elementwise, where n is x or, with `gelu`, its exact GELU:
/// x [..., d_in], weight [2 d_out, d_in] = A above B, bias [2 d_out] = a before b, or none. Returns [..., d_out].
/// The products are made in tiles that meet their gate in the cache; kept for backward are x and the products before
/// bias and gate. `valid`, bool [..., 1] or undefined: the outputs of other rows are zero (their x must be finite).
/// float runs the fused kernel (differentiable once), double is composed of ATen operators.
at::Tensor gated_map(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {}, bool gelu = false,
                     const at::Tensor& valid = {});

}  // namespace longwave::ops
