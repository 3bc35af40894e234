#pragma once

#include "longwave/ops/fft_convolution.h"

namespace longwave::ops {

/// The kernel of a convolution over t steps, made of k [c, h, l], `parts.skip` and `parts.reverse` in one pass over
/// each, without the entries that no pair of steps meets. Its entry `origin` weighs the present step. Differentiable,
/// twice in double. UserError if the parts do not fit k.
struct JoinedKernel {
  at::Tensor k;  // [c, h, *]
  std::int64_t origin;
};
JoinedKernel join_kernels(const at::Tensor& k, const ConvolutionParts& parts, std::int64_t t);

}  // namespace longwave::ops
