#include "longwave/kernels/masked_series.h"

#include <algorithm>
#include <cmath>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/masked_series.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

/// One series and what follows from it.
struct MaskedRow {
  const MaskedSeries& m;
  const float* x;
  const float* weight;
  float* y;  // [l], filled here
  float scale, mean, deviation, slope, changes;

  MaskedRow(const MaskedSeries& series, std::int64_t b, std::int64_t f, float* buffer)
      : m(series),
        x(m.x + (b * m.f + f) * m.l),
        weight(m.mask_weight + f * m.l),
        y(buffer),
        scale(m.scale[b * m.f + f]) {
    for_lanes(m.l, [&](auto tag, std::int64_t i)
                       HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, scale)), tag, y + i); });
    mean = sum(y, m.l) / static_cast<float>(m.l);
    const float squares = sum_of(m.l, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto centred = hn::Sub(hn::LoadU(tag, y + i), hn::Set(tag, mean));
      return hn::Mul(centred, centred);
    });
    deviation = std::sqrt(squares / static_cast<float>(m.l - 1));
    slope = dot(y, weight, m.l) + m.mask_bias[f];
    changes = squared_distance(y + 1, y, m.l - 1);
  }
  float spread() const { return deviation + 1e-6f; }

  /// All ones where step i is kept.
  template <class D>
  HWY_INLINE hn::Mask<D> kept(D tag, std::int64_t i) const {
    const auto fall = hn::Mul(hn::LoadU(tag, m.ramp + i), hn::Set(tag, slope));
    return hn::Gt(hn::Sub(hn::Set(tag, 1.0f), fall), hn::Zero(tag));
  }

  void mask(float* z) const {
    for_lanes(m.l, [&](auto tag, std::int64_t i)
                       HWY_ATTR { hn::StoreU(hn::IfThenElseZero(kept(tag, i), hn::LoadU(tag, y + i)), tag, z + i); });
  }

  /// dy into dx, which then is scaled to the gradient of x. `unit`: gradient of changes / spread^2.
  void grad(const float* dz, float unit, float* dx, float& dscale, float* dweight, float& dbias) const {
    const float dslope = -sum_of(m.l, [&](auto tag, std::int64_t i) HWY_ATTR {
      return hn::Mul(hn::Mul(hn::LoadU(tag, dz + i), hn::LoadU(tag, y + i)), hn::LoadU(tag, m.ramp + i));
    });
    dbias += dslope;
    add_scaled(dslope, y, dweight, m.l);
    const float of_change = 2 * unit / (spread() * spread());
    const float of_value =
        deviation > 0 ? -of_change * changes / (spread() * deviation * static_cast<float>(m.l - 1)) : 0;
    for_lanes(m.l, [&](auto tag, std::int64_t i) HWY_ATTR {
      auto d = hn::IfThenElseZero(kept(tag, i), hn::LoadU(tag, dz + i));
      d = hn::MulAdd(hn::Set(tag, dslope), hn::LoadU(tag, weight + i), d);
      d = hn::MulAdd(hn::Set(tag, of_value), hn::Sub(hn::LoadU(tag, y + i), hn::Set(tag, mean)), d);
      hn::StoreU(d, tag, dx + i);
    });
    for_lanes(m.l - 1, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto change = hn::Sub(hn::LoadU(tag, y + i + 1), hn::LoadU(tag, y + i));
      hn::StoreU(hn::NegMulAdd(hn::Set(tag, of_change), change, hn::LoadU(tag, dx + i)), tag, dx + i);
    });
    for_lanes(m.l - 1, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto change = hn::Sub(hn::LoadU(tag, y + i + 1), hn::LoadU(tag, y + i));
      hn::StoreU(hn::MulAdd(hn::Set(tag, of_change), change, hn::LoadU(tag, dx + i + 1)), tag, dx + i + 1);
    });
    dscale = dot(dx, x, m.l);
    for_lanes(m.l, [&](auto tag, std::int64_t i)
                       HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(tag, dx + i), hn::Set(tag, scale)), tag, dx + i); });
  }
};

double steps_of(const MaskedSeries& m) { return static_cast<double>(m.b * m.f * (m.l - 1)); }

double masked_series_all(const MaskedSeries& m, float* z) {
  std::vector<double> sums(static_cast<std::size_t>(m.f));
#pragma omp parallel
  {
    std::vector<float> buffer(static_cast<std::size_t>(m.l));
#pragma omp for schedule(static)
    for (std::int64_t f = 0; f < m.f; ++f)
      for (std::int64_t b = 0; b < m.b; ++b) {
        const MaskedRow row(m, b, f, buffer.data());
        row.mask(z + (b * m.f + f) * m.l);
        sums[static_cast<std::size_t>(f)] += row.changes / (row.spread() * row.spread());
      }
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return total / steps_of(m);
}

void masked_series_grad_all(const MaskedSeries& m, const MaskedSeriesGrad& g) {
  const auto unit = static_cast<float>(g.dloss / steps_of(m));
#pragma omp parallel
  {
    std::vector<float> buffer(static_cast<std::size_t>(m.l));
#pragma omp for schedule(static)
    for (std::int64_t f = 0; f < m.f; ++f) {
      std::fill_n(g.dmask_weight + f * m.l, m.l, 0.0f);
      g.dmask_bias[f] = 0;
      for (std::int64_t b = 0; b < m.b; ++b) {
        const auto at = b * m.f + f;
        MaskedRow(m, b, f, buffer.data())
            .grad(g.dz + at * m.l, unit, g.dx + at * m.l, g.dscale[at], g.dmask_weight + f * m.l, g.dmask_bias[f]);
      }
    }
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(masked_series_all);
HWY_EXPORT(masked_series_grad_all);

double masked_series(const MaskedSeries& m, float* z) { return HWY_DYNAMIC_DISPATCH(masked_series_all)(m, z); }
void masked_series_grad(const MaskedSeries& m, const MaskedSeriesGrad& g) {
  HWY_DYNAMIC_DISPATCH(masked_series_grad_all)(m, g);
}

}  // namespace longwave::kernels
#endif
