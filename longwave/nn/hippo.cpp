#include "longwave/nn/hippo.h"

#include <ATen/ATen.h>

#include <cmath>

#include "longwave/base/check.h"

namespace longwave {
namespace {

using at::Tensor;

Tensor sequence(std::int64_t n) { return at::arange(n, at::kDouble); }

/// A[i, k] = -sqrt(2i + 1) sqrt(2k + 1) below the diagonal, -(i + 1) on it.
Hippo legs(std::int64_t n) {
  const auto r = (2 * sequence(n) + 1).sqrt();
  const auto a = -(at::outer(r, r).tril(-1) + at::diag(sequence(n) + 1));
  return {a, r, (sequence(n) + 0.5).sqrt().unsqueeze(0)};
}

/// A[i, k] = -1/2 R_i R_k, with alternating signs above the diagonal.
Hippo legt(std::int64_t n) {
  const auto r = (2 * sequence(n) + 1).sqrt();
  const auto sign = 1 - 2 * sequence(n).remainder(2);
  const auto products = at::outer(r, r);
  const auto a = -0.5 * (products.tril() + (products * at::outer(sign, sign)).triu(1));
  const auto p = (sequence(n) + 0.5).sqrt(), odd = sequence(n).remainder(2);
  return {a, 0.5 * r, at::stack({p * odd, p * (1 - odd)})};
}

void check_even(const char* what, std::int64_t n) {
  check(n > 0 && n % 2 == 0, what, ": the state size is ", n, "; expected an even number");
}

/// Sines and cosines of the frequencies 0 .. n/2 - 1, as pairs.
Hippo fourier(std::int64_t n) {
  check_even("hippo", n);
  const auto frequency = sequence(n / 2);
  const auto d = at::stack({frequency, at::zeros_like(frequency)}, 1).flatten().slice(0, 0, n - 1);
  auto b = at::zeros({n}, at::kDouble);
  b.slice(0, 0, n, 2).fill_(std::sqrt(2.0));
  b[0] = 1.0;
  return {M_PI * (at::diag(d, -1) - at::diag(d, 1)) - at::outer(b, b), b, b.unsqueeze(0)};
}

}  // namespace

Hippo hippo(const std::string& measure, std::int64_t n) {
  check(n > 0, "hippo: the state size is ", n, "; expected at least 1");
  if (measure == "legs") return legs(n);
  if (measure == "legt") return legt(n);
  if (measure == "fourier") return fourier(n);
  fail("hippo: unknown measure '", measure, "'; expected legs, legt or fourier");
}

NormalPlusLowRank normal_plus_low_rank(const std::string& measure, std::int64_t n) {
  check(n >= 2, "hippo: the state size is ", n, "; expected at least 2");
  const auto [a, b, low_rank] = hippo(measure, n);
  const auto normal = a + at::mm(low_rank.t(), low_rank);
  // A skew-symmetric matrix times -i is Hermitian: exact orthogonality, and real parts that do not depend on rounding.
  const auto skew = 0.5 * (normal - normal.t());
  const auto [values, vectors] = at::linalg_eigh(at::complex(at::zeros_like(skew), -skew));
  const auto half = values.slice(0, 0, n / 2);
  auto v = vectors.slice(1, 0, n / 2).clone();
  if (std::abs(half[-1].item<double>()) < 1e-4) {  // a pair of zeros has no conjugate eigenvectors of its own
    v.select(1, n / 2 - 1).zero_();
    v[0][n / 2 - 1] = std::sqrt(0.5);
    v[1][n / 2 - 1] = c10::complex<double>(0, std::sqrt(0.5));
  }
  const auto adjoint = v.conj().t().resolve_conj();
  const auto real = at::full({n / 2}, normal.diagonal().mean().item<double>(), at::kDouble);
  return {at::complex(real, half.contiguous()), at::mm(adjoint, low_rank.t().to(at::kComplexDouble)).t().contiguous(),
          at::mv(adjoint, b.to(at::kComplexDouble)), v};
}

Tensor diagonal_poles(const std::string& init, std::int64_t n) {
  check_even("diagonal_poles", n);
  const auto k = sequence(n / 2), half = at::full_like(k, -0.5);
  const auto size = static_cast<double>(n);
  if (init == "diag-lin") return at::complex(half, -M_PI * k);
  if (init == "diag-inv") return at::complex(half, -(size / M_PI) * (size / (2 * k + 1) - 1));
  if (init == "diag-legs") return normal_plus_low_rank("legs", n).lambda;
  if (init == "diag-quad") return at::complex(half, -(1 + 2 * k).square() / M_PI);
  if (init == "diag-real") return at::complex(-(k + 1), at::zeros_like(k));
  if (init == "diag-random") return at::complex(-at::randn_like(k).exp(), -at::randn_like(k).exp());
  fail("unknown init '", init, "' of a diagonal model");
}

Tensor clip_imaginary(const Tensor& z, double limit) {
  return at::complex(at::real(z).contiguous(), at::imag(z).clamp(-limit, limit));
}

}  // namespace longwave
