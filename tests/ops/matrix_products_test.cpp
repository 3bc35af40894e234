// Products of one row or one column, which go another way through the BLAS, and large ones, which oneDNN computes.

#include <ATen/ATen.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "longwave/base/cpu.h"
#include "longwave/ops/matrix_products.h"

// This reference is also what makes the linker keep the library.
extern "C" void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
                       const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                       const float* beta, float* c, const int* ldc);

namespace longwave {
namespace {

TEST(MatrixProducts, IsWhatLibtorchCalls) {
  Dl_info info;
  ASSERT_TRUE(dladdr(dlsym(RTLD_DEFAULT, "sgemm_"), &info));
  EXPECT_NE(std::string(info.dli_fname).find("liblongwave"), std::string::npos) << info.dli_fname;
}

TEST(MatrixProducts, LargeOnesAreOneDnns) {
  using Gemm = int(char, char, std::int64_t, std::int64_t, std::int64_t, float, const float*, std::int64_t,
                   const float*, std::int64_t, float, float*, std::int64_t);
  auto* const onednn = reinterpret_cast<Gemm*>(dlsym(RTLD_DEFAULT, "dnnl_sgemm"));
  if (!onednn || !detect_cpu().has("avx2") || !dlsym(RTLD_DEFAULT, "openblas_get_corename"))
    GTEST_SKIP() << "no oneDNN, no AVX2, or another BLAS than OpenBLAS";
  EXPECT_EQ(ops::large_products().substr(0, 7), "oneDNN ");
  // So deep that OpenBLAS adds up in another order; at a depth of 500 both give the same bits.
  const auto a = at::randn({300, 2000}), b = at::randn({2000, 100});
  const auto expected = at::empty({300, 100});
  onednn('N', 'N', 300, 100, 2000, 1, a.data_ptr<float>(), 2000, b.data_ptr<float>(), 100, 0,
         expected.data_ptr<float>(), 100);
  EXPECT_TRUE(at::equal(at::mm(a, b), expected));
}

TEST(MatrixProducts, KeepsTheBlasOrderOfArguments) {
  at::manual_seed(4);
  for (const auto& [m, n, k] :
       {std::tuple{1, 6, 4}, {6, 1, 4}, {1, 1, 4}, {3, 5, 4}, {70, 50, 40}, {40, 70, 600}, {70, 40, 600}})
    for (const char* transa : {"N", "T"})
      for (const char* transb : {"n", "t"})
        for (const float beta : {0.0f, 1.0f, 0.5f}) {
          // Column-major matrices with rows to spare are row-major ones, transposed, with columns to spare.
          const bool ta = *transa == 'T', tb = *transb == 't';
          const int lda = (ta ? k : m) + 2, ldb = (tb ? n : k) + 1, ldc = m + 3;
          const auto a = at::randn({ta ? m : k, lda}), b = at::randn({tb ? k : n, ldb}), c = at::randn({n, ldc});
          const auto part = [](const at::Tensor& x, std::int64_t rows, bool turned) {
            const auto matrix = x.narrow(1, 0, rows).t().to(at::kDouble);
            return turned ? matrix.t() : matrix;
          };
          const auto expected = 2 * at::mm(part(a, ta ? k : m, ta), part(b, tb ? n : k, tb)) + beta * part(c, m, false);
          const auto untouched = c.narrow(1, m, 3).clone();
          const float alpha = 2;
          sgemm_(transa, transb, &m, &n, &k, &alpha, a.data_ptr<float>(), &lda, b.data_ptr<float>(), &ldb, &beta,
                 c.data_ptr<float>(), &ldc);
          EXPECT_LT((part(c, m, false) - expected).abs().max().item<double>(), 1e-5 * std::sqrt(k))
              << m << n << transa << transb;
          EXPECT_TRUE(at::equal(c.narrow(1, m, 3), untouched));
        }
}

/// A matrix [rows, columns] of every layout that a BLAS takes: row-major, column-major, part of a wider one.
std::vector<at::Tensor> layouts(std::int64_t rows, std::int64_t columns) {
  return {at::randn({rows, columns}), at::randn({columns, rows}).t(),
          at::randn({rows, columns + 3}).slice(1, 1, columns + 1),
          at::randn({columns + 2, rows + 5}).slice(0, 0, columns).slice(1, 2, rows + 2).t()};
}

TEST(MatrixProducts, IsTheProductInEveryLayout) {
  at::manual_seed(3);
  for (const auto& [m, n, k] :
       {std::tuple{1, 70, 33}, {70, 1, 33}, {1, 1, 5}, {1, 2048, 520}, {5, 7, 33}, {1, 9, 1}, {67, 65, 33}})
    for (const auto& a : layouts(m, k))
      for (const auto& b : layouts(k, n)) {
        const auto expected = at::mm(a.to(at::kDouble), b.to(at::kDouble));
        EXPECT_LT((at::mm(a, b) - expected).abs().max().item<double>(), 1e-5 * std::sqrt(k) * 10) << m << ' ' << n;
      }
}

TEST(MatrixProducts, AddsAndScales) {
  for (const std::int64_t rows : {1, 60}) {
    const auto a = at::randn({rows, 40}), b = at::randn({60, 40}).t(), c = at::randn({rows, 60});
    const auto expected = 0.5 * c.to(at::kDouble) + 2 * at::mm(a.to(at::kDouble), b.to(at::kDouble));
    EXPECT_LT((at::addmm(c, a, b, 0.5, 2) - expected).abs().max().item<double>(), 1e-4);
  }
}

TEST(MatrixProducts, OverwritesWhatIsNoNumber) {
  for (const std::int64_t rows : {1, 60}) {
    const auto a = at::randn({rows, 40}), b = at::randn({60, 40}).t();
    auto out = at::full({rows, 60}, NAN);
    at::mm_out(out, a, b);
    EXPECT_TRUE(at::isfinite(out).all().item<bool>());
    EXPECT_TRUE(at::equal(out, at::mm(a, b)));
  }
  auto out = at::full({70, 40}, NAN);  // a weight gradient, computed by its transpose
  at::mm_out(out, at::randn({600, 70}).t(), at::randn({600, 40}));
  EXPECT_TRUE(at::isfinite(out).all().item<bool>());
}

TEST(MatrixProducts, KeepsWhatIsNoNumber) {
  for (const std::int64_t rows : {1, 60}) {
    auto a = at::randn({rows, 40});
    a[0][7] = NAN;
    EXPECT_TRUE(at::isnan(at::mm(a, at::randn({60, 40}).t())[0]).all().item<bool>());
  }
}

}  // namespace
}  // namespace longwave
