#include <algorithm>
#include <cmath>
#include <vector>

#include "longwave/kernels/masked_series.h"

namespace longwave::kernels {
namespace {

/// One series and what follows from it.
struct Series {
  const MaskedSeries& m;
  std::int64_t b, f, at;  // at: of x and z
  std::vector<double> y;
  double mean = 0, deviation = 0, slope, changes = 0;  // changes: sum of their squares

  Series(const MaskedSeries& series, std::int64_t row, std::int64_t feature)
      : m(series), b(row), f(feature), at((b * m.f + f) * m.l), y(m.l), slope(m.mask_bias[f]) {
    const auto l = static_cast<double>(m.l);
    for (std::int64_t i = 0; i < m.l; ++i) {
      y[i] = static_cast<double>(m.x[at + i]) * m.scale[b * m.f + f];
      mean += y[i] / l;
      slope += y[i] * m.mask_weight[f * m.l + i];
      if (i > 0) changes += (y[i] - y[i - 1]) * (y[i] - y[i - 1]);
    }
    for (const double value : y) deviation += (value - mean) * (value - mean) / (l - 1);
    deviation = std::sqrt(deviation);
  }
  bool kept(std::int64_t i) const { return 1 - m.ramp[i] * slope > 0; }
  double spread() const { return deviation + 1e-6; }
};

template <class Body>
void for_series(const MaskedSeries& m, Body body) {
  for (std::int64_t b = 0; b < m.b; ++b)
    for (std::int64_t f = 0; f < m.f; ++f) body(Series(m, b, f));
}

double steps_of(const MaskedSeries& m) { return static_cast<double>(m.b * m.f * (m.l - 1)); }

}  // namespace

double masked_series_reference(const MaskedSeries& m, float* z) {
  double sum = 0;
  for_series(m, [&](const Series& s) {
    for (std::int64_t i = 0; i < m.l; ++i) z[s.at + i] = s.kept(i) ? static_cast<float>(s.y[i]) : 0;
    sum += s.changes / (s.spread() * s.spread());
  });
  return sum / steps_of(m);
}

/// The line's gradient at step i is dz y. That of the mean: 2 / spread^2 for each change along it, and
/// -2 changes / spread^3 along the deviation, whose slope is (y - mean) / ((l - 1) deviation), or 0 if y is constant.
void masked_series_grad_reference(const MaskedSeries& m, const MaskedSeriesGrad& g) {
  std::vector<double> dweight(m.f * m.l), dbias(m.f);
  for_series(m, [&](const Series& s) {
    double dslope = 0, dscale = 0;
    for (std::int64_t i = 0; i < m.l; ++i) dslope -= g.dz[s.at + i] * s.y[i] * m.ramp[i];
    const double unit = 2 * g.dloss / steps_of(m) / (s.spread() * s.spread());
    const double pull =
        s.deviation > 0 ? unit * s.changes / s.spread() / (static_cast<double>(m.l - 1) * s.deviation) : 0;
    for (std::int64_t i = 0; i < m.l; ++i) {
      double dy = s.kept(i) ? g.dz[s.at + i] : 0;
      dy += dslope * m.mask_weight[s.f * m.l + i];
      dy -= pull * (s.y[i] - s.mean);
      if (i > 0) dy += unit * (s.y[i] - s.y[i - 1]);
      if (i + 1 < m.l) dy -= unit * (s.y[i + 1] - s.y[i]);
      dscale += dy * m.x[s.at + i];
      g.dx[s.at + i] = static_cast<float>(dy * m.scale[s.b * m.f + s.f]);
      dweight[s.f * m.l + i] += dslope * s.y[i];
    }
    dbias[s.f] += dslope;
    g.dscale[s.b * m.f + s.f] = static_cast<float>(dscale);
  });
  std::copy(dweight.begin(), dweight.end(), g.dmask_weight);
  std::copy(dbias.begin(), dbias.end(), g.dmask_bias);
}

}  // namespace longwave::kernels
