#include <algorithm>
#include <complex>
#include <vector>

#include "longwave/kernels/vandermonde.h"

namespace longwave::kernels {
namespace {

using Number = std::complex<double>;

Number number(const float* pairs, std::int64_t i) { return {pairs[2 * i], pairs[2 * i + 1]}; }

void store(Number z, float* pairs, std::int64_t i) {
  pairs[2 * i] = static_cast<float>(z.real());
  pairs[2 * i + 1] = static_cast<float>(z.imag());
}

}  // namespace

void vandermonde_reference(const Vandermonde& p) {
  for (std::int64_t row = 0; row < p.r * p.h; ++row)
    for (std::int64_t l = 0; l < p.t; ++l) {
      Number sum = 0;
      for (std::int64_t n = 0; n < p.n; ++n)
        sum += number(p.v, row * p.n + n) * std::exp(number(p.x, row % p.h * p.n + n) * static_cast<double>(l));
      p.k[row * p.t + l] = static_cast<float>(2 * sum.real());
    }
}

/// With e = exp(x l): k = 2 Re(v e), so that dv is the sum of 2 dk conj(e), and dx that of 2 dk l conj(v e).
void vandermonde_grad_reference(const VandermondeGrad& p) {
  std::vector<Number> dx(p.h * p.n);
  for (std::int64_t row = 0; row < p.r * p.h; ++row)
    for (std::int64_t n = 0; n < p.n; ++n) {
      const auto pole = row % p.h * p.n + n;
      Number sum = 0, weighted = 0;
      for (std::int64_t l = 0; l < p.t; ++l) {
        const auto steps = static_cast<double>(l);
        const auto d = 2.0 * p.dk[row * p.t + l] * std::conj(std::exp(number(p.x, pole) * steps));
        sum += d;
        weighted += steps * d;
      }
      store(sum, p.dv, row * p.n + n);
      dx[pole] += std::conj(number(p.v, row * p.n + n)) * weighted;
    }
  std::fill_n(p.dx, 2 * p.parts * p.h * p.n, 0.0f);
  for (std::int64_t i = 0; i < p.h * p.n; ++i) store(dx[i], p.dx, i);
}

}  // namespace longwave::kernels
