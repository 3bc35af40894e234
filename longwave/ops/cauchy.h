#pragma once

#include <ATen/core/Tensor.h>

namespace longwave::ops {

/// r[m, h, l] = sum over n of v[m, h, n] / (z[l] - w[h, n]) + the same with conjugate v and w: sums over poles in
/// conjugate pairs, as the generating function of a state-space model has. v [m, h, n], z [l], w [h, n]; complex.
/// Poles are recomputed in the gradient: memory does not grow with n l. Differentiable once in v and w, not in z.
at::Tensor cauchy_kernel(const at::Tensor& v, const at::Tensor& z, const at::Tensor& w);

}  // namespace longwave::ops
