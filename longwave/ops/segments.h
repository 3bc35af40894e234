#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace longwave::ops {

struct ScaledSegments {
  at::Tensor z;                // [b, c, n, s]
  at::Tensor mean, deviation;  // [b, c, 1]
};

/// Windows x [b, l, c] as n = ceil(l / s) segments of s steps, filled up with zeros in front, in the scale
/// (x - mean) / deviation: the mean of the last min(s, l) steps, the root of the unbiased variance of all plus 1e-8.
/// float without gradient runs the fused kernel; otherwise it is composed of ATen operators.
ScaledSegments scaled_segments(const at::Tensor& x, std::int64_t s);

/// Forecasts next [b, j, n, s], each of the segment that follows, n > 1: {the last ones in the scale of the data
/// [b, s, j], the mean square error of the others}. The targets are the last j channels of `of`, which is without
/// gradient in the fused form; float runs that (differentiable once), double is composed of ATen operators.
std::pair<at::Tensor, at::Tensor> next_segments(const at::Tensor& next, const ScaledSegments& of);

}  // namespace longwave::ops
