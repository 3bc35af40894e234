#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave::ops {

/// K[r, h, l] = 2 Re sum over n of v[r, h, n] exp(x[h, n] l), l = 0 .. t - 1: the convolution kernel of a diagonal
/// state-space model whose states come in conjugate pairs. v [r, h, n], x [h, n] or, shared by all features, [1, n];
/// complex. With l = Q l1 + l2 the sum is a matrix product of inner dimension 2n over exponentials of Q and of t/Q
/// steps, so that neither time nor memory sees h n t of them. Real parts of x should not be positive.
at::Tensor vandermonde_kernel(const at::Tensor& v, const at::Tensor& x, std::int64_t t);

/// s[b, h, n] = sum over l of u[b, l, h] exp(x[h, n] (t - 1 - l)): the state that a sequence leaves behind.
/// u [b, t, h] real, x [h, n] complex.
at::Tensor vandermonde_state(const at::Tensor& u, const at::Tensor& x);

}  // namespace longwave::ops
