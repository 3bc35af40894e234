#pragma once

#include <cstdint>

namespace longwave::kernels {

/// A row-major matrix of floats whose rows are `stride` apart; `transposed` means that its transpose is what is meant.
struct Matrix {
  const float* data;
  std::int64_t stride;
  bool transposed = false;
};

/// c [m, n] (rows c_stride apart) = a [m, k] * b [k, n] + (accumulate ? c : 0), by the BLAS at hand.
/// Meant for tiles inside a parallel region, where it runs on the calling thread alone.
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, bool accumulate, float* c,
          std::int64_t c_stride);

}  // namespace longwave::kernels
