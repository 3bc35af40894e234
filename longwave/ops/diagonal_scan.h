#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

struct DiagonalScanResult {
  at::Tensor h;      // [b, t, 2, n], zero beyond a row's length
  at::Tensor state;  // [b, 2, n] after the last step that runs
};

/// h[t] = pole * h[t-1] + u[t] with complex poles that stay the same over time. Complex numbers are two planes, real
/// then imaginary, so that a joint real projection gives u and takes h: pole [2, n], u [b, t, 2, n], state [b, 2, n] or
/// undefined for zeros. lengths: [b] int64, or undefined if all rows are full. With `reverse` time runs backwards from
/// the last step of each row. float or double; differentiable once in pole, u and state.
DiagonalScanResult diagonal_scan(const at::Tensor& pole, const at::Tensor& u, bool reverse = false,
                                 const at::Tensor& state = {}, const at::Tensor& lengths = {});

}  // namespace longwave::ops
