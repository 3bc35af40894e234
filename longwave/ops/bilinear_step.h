#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// One step of state-space systems x' = A x + b u that share a lower triangular A [n, n] and b [n] (float64) and differ
/// in their step size, by the bilinear rule: the state behind it, [b, h, n], of x [b, h, n] and inputs u [b, h].
/// half [h] (float64): half of each step size. What stands above A's diagonal is not read. On the CPU. UserError
/// where an input asks for a gradient: it has none.
at::Tensor bilinear_step(const at::Tensor& a, const at::Tensor& b, const at::Tensor& half, const at::Tensor& x,
                         const at::Tensor& u);

}  // namespace longwave::ops
