#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave::ops {

/// Long convolution of every feature with kernels that are sums of n decaying oscillations, by the recurrences behind
/// them: work n t instead of t log t, which is less where states are few.
///   y[t] = skip x[t] + sum over s <= t of K[0, t - s] x[s] + sum over s > t of K[1, s - t - 1] x[s],
///   K[r, l] = 2 Re(sum over n of v[r, n] (1 + g[n])^l) of each feature.
/// x [b, t, h]; v [1, h, n], or of both directions [2, h, n], g [h, n] or [1, n], complex: g instead of the pole 1 + g,
/// which would lose the digits of those close to one. skip [h] or undefined. lengths int64 [b] or undefined: where rows
/// end; steps beyond are not read and have zeros. Returns [b, t, h]. float or double; of floats at most
/// kernels::kMostPoles states. Differentiable once.
at::Tensor pole_convolution(const at::Tensor& x, const at::Tensor& v, const at::Tensor& g, const at::Tensor& skip = {},
                            const at::Tensor& lengths = {});

}  // namespace longwave::ops
