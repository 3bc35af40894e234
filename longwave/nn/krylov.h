#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace longwave {

/// Columns b, A b, A^2 b, ... A^(t-1) b: [.., n, t], for A [.., n, n] and b [.., n]. By doubling: log2 t products, and
/// squares of A. Memory n t of every matrix.
at::Tensor krylov(const at::Tensor& a, const at::Tensor& b, std::int64_t t);

/// A^t x for x [h, n, b], or A^lengths[b] x for each column, with A [h, n, n].
at::Tensor advance(const at::Tensor& a, const at::Tensor& x, std::int64_t t, const at::Tensor& lengths = {});

}  // namespace longwave
