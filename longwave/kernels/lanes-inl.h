// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_LANES_INL_H
#undef LONGWAVE_KERNELS_LANES_INL_H
#else
#define LONGWAVE_KERNELS_LANES_INL_H
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Calls body(tag, i) for i = 0..n-1 in whole vectors, then halves of them, down to single lanes.
/// Never touches memory past n.
template <class Body>
HWY_INLINE void for_lanes(std::int64_t n, Body body) {
  const hn::ScalableTag<float> wide;
  const hn::CappedTag<float, 8> eight;
  const hn::CappedTag<float, 4> four;
  const hn::CappedTag<float, 1> single;
  std::int64_t i = 0;
  const auto run = [&](auto tag) HWY_ATTR {
    const auto step = static_cast<std::int64_t>(hn::Lanes(tag));
    for (; i + step <= n; i += step) body(tag, i);
  };
  run(wide);
  if (i < n) run(eight);
  if (i < n) run(four);
  if (i < n) run(single);
}

/// Sum over i < n of term(tag, i), which gives the vector of the terms i, i + 1, ...
template <class Term>
HWY_INLINE float sum_of(std::int64_t n, Term term) {
  const hn::ScalableTag<float> wide;
  const auto step = static_cast<std::int64_t>(hn::Lanes(wide));
  float sum = 0;
  std::int64_t i = 0;
  if (n >= step) {
    auto total = hn::Zero(wide);
    for (; i + step <= n; i += step) total = hn::Add(total, term(wide, i));
    sum = hn::GetLane(hn::SumOfLanes(wide, total));
  }
  for_lanes(n - i,
            [&](auto tag, std::int64_t j) HWY_ATTR { sum += hn::GetLane(hn::SumOfLanes(tag, term(tag, i + j))); });
  return sum;
}

/// Largest of term(tag, i) over i < n; minus infinity for none.
template <class Term>
HWY_INLINE float most_of(std::int64_t n, Term term) {
  const hn::ScalableTag<float> wide;
  const auto step = static_cast<std::int64_t>(hn::Lanes(wide));
  float most = -std::numeric_limits<float>::infinity();
  std::int64_t i = 0;
  if (n >= step) {
    auto largest = hn::Set(wide, most);
    for (; i + step <= n; i += step) largest = hn::Max(largest, term(wide, i));
    most = hn::GetLane(hn::MaxOfLanes(wide, largest));
  }
  for_lanes(n - i, [&](auto tag, std::int64_t j)
                       HWY_ATTR { most = std::max(most, hn::GetLane(hn::MaxOfLanes(tag, term(tag, i + j)))); });
  return most;
}

/// Sum of a[i].
HWY_INLINE float sum(const float* a, std::int64_t n) {
  return sum_of(n, [&](auto tag, std::int64_t i) HWY_ATTR { return hn::LoadU(tag, a + i); });
}

/// Sum of a[i] * b[i].
HWY_INLINE float dot(const float* a, const float* b, std::int64_t n) {
  return sum_of(
      n, [&](auto tag, std::int64_t i) HWY_ATTR { return hn::Mul(hn::LoadU(tag, a + i), hn::LoadU(tag, b + i)); });
}

/// Sum of (a[i] - b[i])^2.
HWY_INLINE float squared_distance(const float* a, const float* b, std::int64_t n) {
  return sum_of(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    const auto difference = hn::Sub(hn::LoadU(tag, a + i), hn::LoadU(tag, b + i));
    return hn::Mul(difference, difference);
  });
}

/// y[i] += s * x[i].
HWY_INLINE void add_scaled(float s, const float* x, float* y, std::int64_t n) {
  for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(tag, s), hn::LoadU(tag, x + i), hn::LoadU(tag, y + i)), tag, y + i);
  });
}

/// sums[j] += sum over rows of x[row, j].
HWY_INLINE void add_column_sums(const float* x, std::int64_t rows, std::int64_t n, std::int64_t stride, float* sums) {
  for_lanes(n, [&](auto tag, std::int64_t j) HWY_ATTR {
    auto total = hn::LoadU(tag, sums + j);
    for (std::int64_t row = 0; row < rows; ++row) total = hn::Add(total, hn::LoadU(tag, x + row * stride + j));
    hn::StoreU(total, tag, sums + j);
  });
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
