// Products of one row or one column, which go another way through the BLAS.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>
#include <vector>

namespace longwave {
namespace {

/// A matrix [rows, columns] of every layout that a BLAS takes: row-major, column-major, part of a wider one.
std::vector<at::Tensor> layouts(std::int64_t rows, std::int64_t columns) {
  return {at::randn({rows, columns}), at::randn({columns, rows}).t(),
          at::randn({rows, columns + 3}).slice(1, 1, columns + 1),
          at::randn({columns + 2, rows + 5}).slice(0, 0, columns).slice(1, 2, rows + 2).t()};
}

TEST(OneRowProduct, IsTheProductInEveryLayout) {
  at::manual_seed(3);
  for (const auto& [m, n, k] : {std::tuple{1, 70, 33}, {70, 1, 33}, {1, 1, 5}, {1, 2048, 520}, {5, 7, 33}, {1, 9, 1}})
    for (const auto& a : layouts(m, k))
      for (const auto& b : layouts(k, n)) {
        const auto expected = at::mm(a.to(at::kDouble), b.to(at::kDouble));
        EXPECT_LT((at::mm(a, b) - expected).abs().max().item<double>(), 1e-5 * std::sqrt(k) * 10) << m << ' ' << n;
      }
}

TEST(OneRowProduct, AddsAndScales) {
  const auto a = at::randn({1, 40}), b = at::randn({60, 40}).t(), c = at::randn({1, 60});
  const auto expected = 0.5 * c.to(at::kDouble) + 2 * at::mm(a.to(at::kDouble), b.to(at::kDouble));
  EXPECT_LT((at::addmm(c, a, b, 0.5, 2) - expected).abs().max().item<double>(), 1e-4);
}

TEST(OneRowProduct, OverwritesWhatIsNoNumber) {
  const auto a = at::randn({1, 40}), b = at::randn({60, 40}).t();
  auto out = at::full({1, 60}, NAN);
  at::mm_out(out, a, b);
  EXPECT_TRUE(at::isfinite(out).all().item<bool>());
  EXPECT_TRUE(at::equal(out, at::mm(a, b)));
}

TEST(OneRowProduct, KeepsWhatIsNoNumber) {
  auto a = at::randn({1, 40});
  a[0][7] = NAN;
  EXPECT_TRUE(at::isnan(at::mm(a, at::randn({60, 40}).t())).all().item<bool>());
}

}  // namespace
}  // namespace longwave
