#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// Coefficients of the recurrence of S4 (kernels/dplr_recurrence.h) for d channels of n states, r ranks and m outputs,
/// complex numbers as two planes, the real one first.
struct DplrCoefficients {
  at::Tensor g, b;  // [2, n, d], or [2, n, 1] for all channels; 1 + g multiplies the state
  at::Tensor p, q;  // [r, 2, n, d]
  at::Tensor c;     // [m, 2, n, d]
};

struct DplrRecurrenceResult {
  at::Tensor y;      // [b, t, m, d], zero beyond a row's length
  at::Tensor state;  // [b, 2, n, d] behind the last step of each row
};

/// y and state for x [b, t, d], float or double, from `state` [b, 2, n, d]; lengths [b], undefined: all rows full. In
/// O(n) work a step and channel. On the CPU. UserError where an input asks for a gradient: it has none.
DplrRecurrenceResult dplr_recurrence(const at::Tensor& x, const DplrCoefficients& coefficients, const at::Tensor& state,
                                     const at::Tensor& lengths = {});

}  // namespace longwave::ops
