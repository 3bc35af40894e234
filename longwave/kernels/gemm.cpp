#include "longwave/kernels/gemm.h"

extern "C" void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
                       const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                       const float* beta, float* c, const int* ldc);

namespace longwave::kernels {

void gemm(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, bool accumulate, float* c,
          std::int64_t c_stride) {
  // Fortran sees the transposes: c' = b' a'.
  const int columns = static_cast<int>(n), rows = static_cast<int>(m), depth = static_cast<int>(k);
  const int b_stride = static_cast<int>(b.stride), a_stride = static_cast<int>(a.stride);
  const int stride = static_cast<int>(c_stride);
  const float one = 1, beta = accumulate ? 1 : 0;
  sgemm_(b.transposed ? "T" : "N", a.transposed ? "T" : "N", &columns, &rows, &depth, &one, b.data, &b_stride, a.data,
         &a_stride, &beta, c, &stride);
}

}  // namespace longwave::kernels
