// Products of a matrix with a single row, as every linear map of a streaming step is one, by the BLAS's matrix-vector
// product. libtorch calls sgemm_ for them; OpenBLAS then reorders the whole matrix first where it has more than a
// million numbers, which doubles the time of a step (2048 x 512: 428 us, this way 191). The loader finds this sgemm_
// before that of the BLAS, which gets everything else. A libtorch that has its BLAS within calls that and is not
// changed.

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace {

using Gemm = void(const char* transa, const char* transb, const int* m, const int* n, const int* k, const float* alpha,
                  const float* a, const int* lda, const float* b, const int* ldb, const float* beta, float* c,
                  const int* ldc);
using Gemv = void(const char* trans, const int* m, const int* n, const float* alpha, const float* a, const int* lda,
                  const float* x, const int* incx, const float* beta, float* y, const int* incy);

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool is_transposed(const char* flag) { return *flag != 'n' && *flag != 'N'; }

}  // namespace

/// c [m, n] = alpha op(a) op(b) + beta c, column-major.
extern "C" void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
                       const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                       const float* beta, float* c, const int* ldc) {
  static Gemm* const gemm = next<Gemm>("sgemm_");
  static Gemv* const gemv = next<Gemv>("sgemv_");
  if (!gemm) {
    std::fputs("longwave: sgemm_ was called, but there is no BLAS behind the library; link one\n", stderr);
    std::abort();
  }
  const bool column = *n == 1, row = *m == 1;
  if (!gemv || !(column || row) || *k == 0) return gemm(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  const int one = 1;
  const int a_step = is_transposed(transa) ? one : *lda, b_step = is_transposed(transb) ? *ldb : one;
  const int length = column ? *m : *n, c_step = column ? one : *ldc;
  const float keep = 1;
  if (*beta == 0)  // what lies in c may be no number
    for (int i = 0; i < length; ++i) c[static_cast<long>(i) * c_step] = 0;
  const float* add = *beta == 0 ? &keep : beta;
  // As stored, a matrix has op's shape or, transposed, the other way round.
  if (column && is_transposed(transa))
    gemv("T", k, m, alpha, a, lda, b, &b_step, add, c, &c_step);
  else if (column)
    gemv("N", m, k, alpha, a, lda, b, &b_step, add, c, &c_step);
  else if (is_transposed(transb))
    gemv("N", n, k, alpha, b, ldb, a, &a_step, add, c, &c_step);
  else
    gemv("T", k, n, alpha, b, ldb, a, &a_step, add, c, &c_step);
}
