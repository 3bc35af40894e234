// Which library computes a matrix product of floats. libtorch asks the BLAS for all of them by sgemm_; the loader finds
// the sgemm_ of this file before that of the BLAS. A libtorch that has its BLAS within calls that and is not changed.
//
// One row or column: the BLAS's matrix-vector product. OpenBLAS's product of matrices first reorders a matrix of more
// than a million numbers, which doubles the time of a streaming step (2048 x 512: 428 us, this way 191).
//
// Large ones: oneDNN, which libtorch brings with it, in the place of OpenBLAS. At the depths of linear maps it is 1.3
// to 1.5 times as fast as OpenBLAS 0.3.21 with AVX-512. It reorders a left-hand side that lies transposed slowly where
// that one's rows are long, above all a power of two: of a weight gradient d' x with a wide d the transpose x' d is
// computed, which is up to 1.75 times as fast.
//
// All others: the BLAS.

#include "longwave/ops/matrix_products.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include "longwave/base/cpu.h"

namespace {

using Gemm = void(const char* transa, const char* transb, const int* m, const int* n, const int* k, const float* alpha,
                  const float* a, const int* lda, const float* b, const int* ldb, const float* beta, float* c,
                  const int* ldc);
using Gemv = void(const char* trans, const int* m, const int* n, const float* alpha, const float* a, const int* lda,
                  const float* x, const int* incx, const float* beta, float* y, const int* incy);
/// oneDNN's dnnl_sgemm: row-major, 0 on success. Looked up and not linked, so that it is libtorch's own copy.
using RowMajorGemm = int(char transa, char transb, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
                         const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c,
                         std::int64_t ldc);

template <class Function>
Function* find(void* where, const char* name) {
  return reinterpret_cast<Function*>(dlsym(where, name));
}

bool is_transposed(const char* flag) { return *flag != 'n' && *flag != 'N'; }
char row_major(const char* flag) { return is_transposed(flag) ? 'T' : 'N'; }

/// Null where the BLAS is not OpenBLAS, or the processor lacks what oneDNN's kernels are written for.
RowMajorGemm* onednn() {
  static RowMajorGemm* const gemm = longwave::detect_cpu().has("avx2") && dlsym(RTLD_DEFAULT, "openblas_get_corename")
                                        ? find<RowMajorGemm>(RTLD_DEFAULT, "dnnl_sgemm")
                                        : nullptr;
  return gemm;
}

/// A product with a vector, which lies in c's only column or row.
void vector_product(Gemv* gemv, const char* transa, const char* transb, int m, int n, const int* k, const float* alpha,
                    const float* a, const int* lda, const float* b, const int* ldb, const float* beta, float* c,
                    const int* ldc) {
  const int one = 1;
  const bool column = n == 1;
  const int a_step = is_transposed(transa) ? one : *lda, b_step = is_transposed(transb) ? *ldb : one;
  const int length = column ? m : n, c_step = column ? one : *ldc;
  const float keep = 1;
  if (*beta == 0)  // what lies in c may be no number
    for (int i = 0; i < length; ++i) c[static_cast<long>(i) * c_step] = 0;
  const float* add = *beta == 0 ? &keep : beta;
  // As stored, a matrix has op's shape or, transposed, the other way round.
  if (column && is_transposed(transa))
    gemv("T", k, &m, alpha, a, lda, b, &b_step, add, c, &c_step);
  else if (column)
    gemv("N", &m, k, alpha, a, lda, b, &b_step, add, c, &c_step);
  else if (is_transposed(transb))
    gemv("N", &n, k, alpha, b, ldb, a, &a_step, add, c, &c_step);
  else
    gemv("T", k, &n, alpha, b, ldb, a, &a_step, add, c, &c_step);
}

/// c [rows, columns] = alpha a' b + beta c, row-major, from its transpose b' a. False where there is no memory for it.
bool by_the_transpose(std::int64_t rows, std::int64_t columns, std::int64_t depth, float alpha, const float* a,
                      std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc) {
  const std::unique_ptr<float[]> other(new (std::nothrow) float[static_cast<std::size_t>(rows * columns)]);
  if (!other || onednn()('T', 'N', columns, rows, depth, alpha, b, ldb, a, lda, 0, other.get(), rows) != 0)
    return false;
  constexpr std::int64_t kBlock = 16;  // a cache line
  for (std::int64_t block = 0; block < columns; block += kBlock)
    for (std::int64_t i = 0; i < rows; ++i)
      for (auto j = block; j < std::min(columns, block + kBlock); ++j) {
        const float value = other[static_cast<std::size_t>(j * rows + i)];
        float& to = c[i * ldc + j];
        to = beta == 0 ? value : value + beta * to;  // what lies in c may be no number
      }
  return true;
}

/// c [rows, columns] = alpha op(a) op(b) + beta c, row-major. False where that is left to the BLAS.
bool large_product(char transa, char transb, std::int64_t rows, std::int64_t columns, std::int64_t depth, float alpha,
                   const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c,
                   std::int64_t ldc) {
  constexpr double kLarge = 1 << 17;       // multiplications; below it OpenBLAS has kernels without reordering
  constexpr std::int64_t kDeep = 512;      // from here on a transposition costs next to nothing
  constexpr std::int64_t kMost = 8 << 20;  // numbers of a transpose
  if (1.0 * rows * columns * depth < kLarge || !onednn()) return false;
  if (transa == 'T' && transb == 'N' && lda > ldb && depth >= kDeep && rows * columns <= kMost &&
      by_the_transpose(rows, columns, depth, alpha, a, lda, b, ldb, beta, c, ldc))
    return true;
  return onednn()(transa, transb, rows, columns, depth, alpha, a, lda, b, ldb, beta, c, ldc) == 0;
}

}  // namespace

/// c [m, n] = alpha op(a) op(b) + beta c, column-major.
extern "C" void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
                       const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                       const float* beta, float* c, const int* ldc) {
  static Gemm* const gemm = find<Gemm>(RTLD_NEXT, "sgemm_");
  static Gemv* const gemv = find<Gemv>(RTLD_NEXT, "sgemv_");
  if (!gemm) {
    std::fputs("longwave: sgemm_ was called, but there is no BLAS behind the library; link one\n", stderr);
    std::abort();
  }
  if (gemv && (*n == 1 || *m == 1) && *k > 0)
    return vector_product(gemv, transa, transb, *m, *n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  // Row-major, the product is that of the transposes: b' a'.
  if (large_product(row_major(transb), row_major(transa), *n, *m, *k, *alpha, b, *ldb, a, *lda, *beta, c, *ldc)) return;
  gemm(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

namespace longwave::ops {

std::string large_products() {
  struct Version {  // how dnnl_version_t begins
    int major, minor, patch;
  };
  auto* const version = find<const Version*()>(RTLD_DEFAULT, "dnnl_version");
  const bool called = dlsym(RTLD_DEFAULT, "sgemm_") == reinterpret_cast<void*>(&sgemm_);
  if (!called || !onednn() || !version) return "";
  return fmt::format("oneDNN {}.{}.{}", version()->major, version()->minor, version()->patch);
}

}  // namespace longwave::ops
