#include <vector>

#include "longwave/kernels/bilinear_step.h"

namespace longwave::kernels {

template <class T>
void bilinear_step_reference(const BilinearStep<T>& p) {
  std::vector<double> w(static_cast<std::size_t>(p.n));
  for (std::int64_t k = 0; k < p.rows * p.h; ++k) {
    const double s = p.half[k % p.h], u = p.u[k];
    const T* x = p.x + k * p.n;
    for (std::int64_t i = 0; i < p.n; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < i; ++j) sum += p.a[i * p.n + j] * w[static_cast<std::size_t>(j)];
      w[static_cast<std::size_t>(i)] = (x[i] + s * (p.b[i] * u + sum)) / (1 - s * p.a[i * p.n + i]);
    }
    for (std::int64_t i = 0; i < p.n; ++i)
      p.next[k * p.n + i] = static_cast<T>(2 * w[static_cast<std::size_t>(i)] - x[i]);
  }
}

template void bilinear_step_reference(const BilinearStep<float>&);
template void bilinear_step_reference(const BilinearStep<double>&);

}  // namespace longwave::kernels
