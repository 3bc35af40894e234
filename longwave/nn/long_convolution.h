#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave {

/// A convolution along time with an odd kernel k, as long as the series: x [b, c, l], weight [o, c / groups, k],
/// bias [o] -> [b, o, l], zeros outside. As a product of overlapping windows with the banded (Toeplitz) matrix of the
/// weight, which is quicker than a general convolution for few channels and long kernels.
at::Tensor long_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t groups);

/// A convolution whose stride is its kernel k, after `padding` zeros on both sides; output s k + i of a block is step i
/// of series s: x [b, c, l], weight [s k, c, k], bias [s k] -> [b, s, blocks k].
at::Tensor block_convolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             std::int64_t padding);

}  // namespace longwave
