// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_RMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_RMS_INL_H
#undef LONGWAVE_KERNELS_RMS_INL_H
#else
#define LONGWAVE_KERNELS_RMS_INL_H
#endif

#include <cmath>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// y = x * inverse * w with inverse = 1 / sqrt(mean(x^2) + eps), which is returned.
HWY_INLINE float rms_row(const float* x, const float* w, std::int64_t n, float eps, float* y) {
  const float inverse = 1 / std::sqrt(dot(x, x, n) / static_cast<float>(n) + eps);
  for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto scaled = hn::Mul(hn::LoadU(tag, x + i), hn::Set(tag, inverse));
    hn::StoreU(hn::Mul(scaled, hn::LoadU(tag, w + i)), tag, y + i);
  });
  return inverse;
}

/// Adjoint of rms_row: dx = base + inverse * (w dy - x * inverse^2 * mean(x w dy)), dw += dy * x * inverse.
/// `base` may be null for 0; dx may be dy or base itself.
HWY_INLINE void rms_row_grad(const float* x, const float* w, float inverse, const float* dy, std::int64_t n,
                             const float* base, float* dx, float* dw) {
  const hn::ScalableTag<float> wide;
  const auto step = static_cast<std::int64_t>(hn::Lanes(wide));
  float projection = 0;
  std::int64_t whole = 0;
  if (n >= step) {
    auto total = hn::Zero(wide);
    for (; whole + step <= n; whole += step) {
      const auto scaled = hn::Mul(hn::LoadU(wide, w + whole), hn::LoadU(wide, dy + whole));
      total = hn::MulAdd(scaled, hn::LoadU(wide, x + whole), total);
    }
    projection = hn::GetLane(hn::SumOfLanes(wide, total));
  }
  for_lanes(n - whole, [&](auto tag, std::int64_t j) HWY_ATTR {
    const auto i = whole + j;
    const auto scaled = hn::Mul(hn::LoadU(tag, w + i), hn::LoadU(tag, dy + i));
    projection += hn::GetLane(hn::SumOfLanes(tag, hn::Mul(scaled, hn::LoadU(tag, x + i))));
  });
  const float pull = -inverse * inverse * inverse * projection / static_cast<float>(n);
  for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto xi = hn::LoadU(tag, x + i), gradient = hn::Mul(hn::LoadU(tag, dy + i), hn::Set(tag, inverse));
    hn::StoreU(hn::MulAdd(gradient, xi, hn::LoadU(tag, dw + i)), tag, dw + i);
    auto d = hn::MulAdd(gradient, hn::LoadU(tag, w + i), hn::Mul(hn::Set(tag, pull), xi));
    if (base) d = hn::Add(d, hn::LoadU(tag, base + i));
    hn::StoreU(d, tag, dx + i);
  });
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
