#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave::ops {

/// Zeroes each element with probability p and scales the others by 1 / (1 - p). The choice for element i is a function
/// of (key, i) alone: no mask is stored, and results do not depend on the number of threads.
/// x: any shape, float or double. Returns the same shape, contiguous.
/// Differentiable in x. p in [0, 1).
at::Tensor dropout(const at::Tensor& x, double p, std::int64_t key);

}  // namespace longwave::ops
