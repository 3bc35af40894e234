#include <cmath>

#include "longwave/kernels/rotary.h"

namespace longwave::kernels {

template <class T>
void rotary_reference(const Rotary& r, const T* x, T* y) {
  const auto pairs = r.d / 2;
  for (std::int64_t step = 0; step < r.b * r.t; ++step) {
    const auto position = step % r.t + (r.offsets ? r.offsets[step / r.t] : 0);
    for (std::int64_t c = 0; c < pairs; ++c) {
      const double angle = static_cast<double>(position) * std::pow(r.ratio, static_cast<double>(c));
      const auto cosine = static_cast<T>(std::cos(angle)),
                 sine = static_cast<T>(std::sin(r.backwards ? -angle : angle));
      const auto first = r.half ? c : 2 * c, second = r.half ? c + pairs : 2 * c + 1;
      for (std::int64_t head = 0; head < r.h; ++head) {
        const auto at = (step * r.h + head) * r.d;
        y[at + first] = x[at + first] * cosine - x[at + second] * sine;
        y[at + second] = x[at + second] * cosine + x[at + first] * sine;
      }
    }
  }
}

template void rotary_reference(const Rotary&, const float*, float*);
template void rotary_reference(const Rotary&, const double*, double*);

}  // namespace longwave::kernels
