#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

struct ShiftStepsResult {
  at::Tensor y;      // [b, t, d], zero beyond a row's length
  at::Tensor state;  // [b, d, n] behind the last step of each row
};

/// The shift system of every channel (H3), step by step: s'[j] = s[j - 1] + b[j] x, y = sum of c[j] s'[j] + skip x.
/// x [b, t, d], b and c [d, n], skip [d], state [b, d, n]; lengths [b], undefined: all rows full. On the CPU in one
/// pass; double, and what asks for gradients, is composed of ATen operators.
ShiftStepsResult shift_steps(const at::Tensor& x, const at::Tensor& b, const at::Tensor& c, const at::Tensor& skip,
                             const at::Tensor& state, const at::Tensor& lengths = {});

}  // namespace longwave::ops
