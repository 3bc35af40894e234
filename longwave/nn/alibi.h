#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave {

/// Slopes of the linear biases that stand for positions (Press et al. 2022, ALiBi), [heads]: 2^(-8 i / heads) for i = 1
/// .. heads where heads is a power of two; else those of the next smaller power n, then every other one of 2 n.
at::Tensor alibi_slopes(std::int64_t heads, const at::TensorOptions& options);

}  // namespace longwave
