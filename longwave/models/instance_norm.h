#pragma once

#include <ATen/core/Tensor.h>

namespace longwave {

/// Normalisation of each series of a window: mean (a constant to the gradient) and root of the biased variance + 1e-5.
struct InstanceNorm {
  at::Tensor mean, deviation;  // [b, 1, c]
  at::Tensor values;           // [b, l, c], normalised

  explicit InstanceNorm(const at::Tensor& x)
      : mean(x.detach().mean(1, /*keepdim=*/true)),
        deviation(((x - mean).var(1, /*unbiased=*/false, /*keepdim=*/true) + 1e-5).sqrt()),
        values((x - mean) / deviation) {}

  /// y [b, p, c] of the normalised scale -> the scale of x.
  at::Tensor inverse(const at::Tensor& y) const { return y * deviation + mean; }
};

}  // namespace longwave
