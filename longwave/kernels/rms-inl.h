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

#if !HWY_HAVE_SCALABLE && HWY_TARGET != HWY_SCALAR
/// In every lane the sum over its block of kWidth lanes, a power of two from 4 to 16 that divides the lanes.
template <int kWidth, class D, class V = hn::Vec<D>>
HWY_INLINE V block_sums(D tag, V v) {
  v = hn::Add(v, hn::Shuffle2301(v));
  v = hn::Add(v, hn::Shuffle1032(v));
  if constexpr (kWidth >= 8) v = hn::Add(v, hn::SwapAdjacentBlocks(v));
  if constexpr (kWidth >= 16) v = hn::Add(v, hn::ConcatLowerUpper(tag, v, v));
  return v;
}

/// Whole vectors of a row of small groups; returns how many numbers were done. 1 / rms of every lane comes from x.
template <int kWidth, class D>
HWY_INLINE std::int64_t rms_vectors(D tag, const float* x, const float* w, std::int64_t n, float eps, float* y) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto xi = hn::LoadU(tag, x + i);
    const auto square = block_sums<kWidth>(tag, hn::Mul(xi, xi));
    const auto root = hn::Sqrt(hn::MulAdd(square, hn::Set(tag, 1.0f / kWidth), hn::Set(tag, eps)));
    hn::StoreU(hn::Div(hn::Mul(xi, hn::LoadU(tag, w + i)), root), tag, y + i);
  }
  return i;
}

template <int kWidth, class D>
HWY_INLINE std::int64_t rms_vectors_grad(D tag, const float* x, const float* w, const float* dy, std::int64_t n,
                                         float eps, float* dx, float* dw) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto share = hn::Set(tag, 1.0f / kWidth);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto xi = hn::LoadU(tag, x + i), di = hn::LoadU(tag, dy + i);
    const auto square = block_sums<kWidth>(tag, hn::Mul(xi, xi));
    const auto inverse = hn::Div(hn::Set(tag, 1.0f), hn::Sqrt(hn::MulAdd(square, share, hn::Set(tag, eps))));
    const auto unit = hn::Mul(xi, inverse), scaled = hn::Mul(di, hn::LoadU(tag, w + i));
    const auto projection = hn::Mul(block_sums<kWidth>(tag, hn::Mul(scaled, unit)), share);
    hn::StoreU(hn::MulAdd(di, unit, hn::LoadU(tag, dw + i)), tag, dw + i);
    hn::StoreU(hn::Mul(inverse, hn::NegMulAdd(unit, projection, scaled)), tag, dx + i);
  }
  return i;
}

#endif

/// One row of `groups` blocks of `width` numbers, each with its own norm.
HWY_INLINE void rms_groups(const float* x, const float* w, std::int64_t groups, std::int64_t width, float eps,
                           float* y) {
  std::int64_t done = 0;
#if !HWY_HAVE_SCALABLE && HWY_TARGET != HWY_SCALAR
  const hn::CappedTag<float, 16> tag;
  constexpr auto kLanes = hn::MaxLanes(tag);
  if constexpr (kLanes >= 8)
    if (width == 8) done = rms_vectors<8>(tag, x, w, groups * width, eps, y);
  if constexpr (kLanes >= 16)
    if (width == 16) done = rms_vectors<16>(tag, x, w, groups * width, eps, y);
#endif
  for (; done < groups * width; done += width) rms_row(x + done, w + done, width, eps, y + done);
}

/// Its adjoint: dx, and dw is added to.
HWY_INLINE void rms_groups_grad(const float* x, const float* w, const float* dy, std::int64_t groups,
                                std::int64_t width, float eps, float* dx, float* dw) {
  std::int64_t done = 0;
#if !HWY_HAVE_SCALABLE && HWY_TARGET != HWY_SCALAR
  const hn::CappedTag<float, 16> tag;
  constexpr auto kLanes = hn::MaxLanes(tag);
  if constexpr (kLanes >= 8)
    if (width == 8) done = rms_vectors_grad<8>(tag, x, w, dy, groups * width, eps, dx, dw);
  if constexpr (kLanes >= 16)
    if (width == 16) done = rms_vectors_grad<16>(tag, x, w, dy, groups * width, eps, dx, dw);
#endif
  for (; done < groups * width; done += width) {
    const float inverse = 1 / std::sqrt(dot(x + done, x + done, width) / static_cast<float>(width) + eps);
    rms_row_grad(x + done, w + done, inverse, dy + done, width, nullptr, dx + done, dw + done);
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
