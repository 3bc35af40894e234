#include "longwave/kernels/dropout.h"

namespace longwave::kernels {

template <class T>
void dropout_reference(const T* x, T* y, std::int64_t n, const DropoutMask& mask, double p) {
  const auto scale = static_cast<T>(1 / (1 - p));
  for (std::int64_t i = 0; i < n; ++i) y[i] = mask.keeps(i) ? x[i] * scale : T(0);
}

template void dropout_reference(const float*, float*, std::int64_t, const DropoutMask&, double);
template void dropout_reference(const double*, double*, std::int64_t, const DropoutMask&, double);

}  // namespace longwave::kernels
