#include "longwave/nn/discretize.h"

#include "tests/support/op_testing.h"

namespace longwave {
namespace {

using testing::Tensors;

/// Parts of numbers of every size around the one at which the series takes over.
at::Tensor parts() {
  at::manual_seed(3);
  const auto size = at::logspace(-9, 1, 60, 10.0, at::kDouble), turn = at::rand({60}, at::kDouble) * 6.28;
  return at::stack({-size * turn.cos().abs(), size * turn.sin()});
}
at::Tensor complex(const at::Tensor& x) { return at::complex(x[0], x[1]); }

TEST(Expm1Over, IsTheQuotientWithAllItsDigits) {
  const auto z = complex(parts());
  const auto y = expm1_over(z), in_float = expm1_over(z.to(at::kComplexFloat));
  for (std::int64_t i = 0; i < z.numel(); ++i) {
    const auto one = z[i].item<c10::complex<double>>();
    const std::complex<long double> x(one.real(), one.imag());
    std::complex<long double> series = 0;  // enough terms for |z| <= 10
    for (int k = 80; k >= 1; --k) series = series * x / static_cast<long double>(k + 1) + 1.0L;
    const std::complex<double> expected(series);
    const auto found = y[i].item<c10::complex<double>>(), narrow = in_float[i].item<c10::complex<double>>();
    EXPECT_LT(std::abs(std::complex<double>(found) - expected), 2e-15) << x;
    EXPECT_LT(std::abs(std::complex<double>(narrow) - expected), 1e-6) << x;
  }
  EXPECT_EQ(expm1_over(at::zeros({1}, at::kDouble)).item<double>(), 1);
}

TEST(Expm1Over, GradientsMatchDifferences) {
  testing::expect_gradients_match_differences(
      [](const Tensors& t) {
        const auto y = expm1_over(complex(t[0]));
        return Tensors{at::real(y), at::imag(y)};
      },
      {parts().narrow(1, 40, 20)});
  testing::expect_gradients_match_differences([](const Tensors& t) { return Tensors{expm1_over(t[0])}; },
                                              {at::linspace(-3, 1, 30, at::kDouble)});
}

TEST(Expm1Over, TheSlopeOfSmallNumbersIsExact) {
  const auto z = at::tensor({0.0, 1e-8, 1e-4, 0.499, 0.501}, at::kDouble).requires_grad_();
  expm1_over(z).sum().backward();
  const auto x = z.detach();
  const auto series = 1.0 / 2 + x * (1.0 / 3 + x * (1.0 / 8 + x * (1.0 / 30)));
  EXPECT_LT((z.grad() - series).slice(0, 0, 3).abs().max().item<double>(), 1e-15);
  EXPECT_LT((z.grad()[4] - z.grad()[3]).item<double>(), 1e-3);  // where the series ends
}

}  // namespace
}  // namespace longwave
