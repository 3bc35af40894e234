#include <algorithm>
#include <cmath>

#include "longwave/kernels/segments.h"

namespace longwave::kernels {

void scale_segments_reference(const Segments& x, float* z, float* mean, float* deviation) {
  const auto length = x.n * x.s, padding = length - x.l, recent = std::min(x.s, x.l);
  for (std::int64_t window = 0; window < x.b; ++window)
    for (std::int64_t c = 0; c < x.c; ++c) {
      const auto series = [&](std::int64_t i) { return static_cast<double>(x.x[(window * x.l + i) * x.c + c]); };
      double level = 0, centre = 0, squares = 0;  // level: of the last steps; centre: of all
      for (std::int64_t i = 0; i < x.l; ++i) {
        centre += series(i) / static_cast<double>(x.l);
        if (i >= x.l - recent) level += series(i) / static_cast<double>(recent);
      }
      for (std::int64_t i = 0; i < x.l; ++i) squares += (series(i) - centre) * (series(i) - centre);
      const double spread = std::sqrt(squares / static_cast<double>(x.l - 1)) + 1e-8;
      const auto at = window * x.c + c;
      for (std::int64_t i = 0; i < length; ++i)
        z[at * length + i] = i < padding ? 0 : static_cast<float>((series(i - padding) - level) / spread);
      mean[at] = static_cast<float>(level);
      deviation[at] = static_cast<float>(spread);
    }
}

namespace {

/// Calls body(i of all next, whether it forecasts a known segment, i of what it forecasts in z or in the forecasts,
/// channel of mean and deviation).
template <class Body>
void for_next(const NextSegments& f, Body body) {
  for (std::int64_t window = 0; window < f.b; ++window)
    for (std::int64_t j = 0; j < f.j; ++j)
      for (std::int64_t i = 0; i < f.n * f.s; ++i) {
        const auto channel = window * f.c + f.c - f.j + j, last = (f.n - 1) * f.s;
        const bool known = i < last;
        body((window * f.j + j) * f.n * f.s + i, known,
             known ? channel * f.n * f.s + i + f.s : (window * f.s + i - last) * f.j + j, channel);
      }
}

double number_known(const NextSegments& f) { return static_cast<double>(f.b * f.j * (f.n - 1) * f.s); }

}  // namespace

double next_segments_reference(const NextSegments& f, float* forecast) {
  double squares = 0;
  for_next(f, [&](auto i, bool known, auto to, auto channel) {
    const double next = f.next[i];
    if (known)
      squares += (next - f.z[to]) * (next - f.z[to]);
    else
      forecast[to] = static_cast<float>(next * f.deviation[channel] + f.mean[channel]);
  });
  return squares / number_known(f);
}

void next_segments_grad_reference(const NextSegments& f, const float* dforecast, float dloss, float* dnext) {
  for_next(f, [&](auto i, bool known, auto to, auto channel) {
    const double error = known ? static_cast<double>(f.next[i]) - f.z[to] : 0;
    dnext[i] = known ? static_cast<float>(2 * dloss * error / number_known(f)) : dforecast[to] * f.deviation[channel];
  });
}

}  // namespace longwave::kernels
