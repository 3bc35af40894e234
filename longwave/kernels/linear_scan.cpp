#include "longwave/kernels/linear_scan.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/linear_scan.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

// Channels of a work item at most: enough to fill vectors and cache lines, few enough that the previous state stays in
// L1. Channels do not mix, so that the split cannot change results.
constexpr std::int64_t kScanBlock = 256;

void scan_block(const LinearScan<float>& s, std::int64_t row, std::int64_t first, std::int64_t n) {
  const float* previous = s.h_init ? s.h_init + row * s.d + first : nullptr;
  for (std::int64_t t = 0; t < s.t; ++t) {
    const auto at = (row * s.t + t) * s.d + first;
    for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto u = hn::LoadU(tag, s.u + at + i);
      const auto h = previous ? hn::MulAdd(hn::LoadU(tag, s.a + at + i), hn::LoadU(tag, previous + i), u) : u;
      hn::StoreU(h, tag, s.h + at + i);
    });
    previous = s.h + at;
  }
}

void grad_block(const LinearScanGrad<float>& s, std::int64_t row, std::int64_t first, std::int64_t n) {
  float carry[kScanBlock] = {};  // a[t+1] * g[t+1]
  for (std::int64_t t = s.t - 1; t >= 0; --t) {
    const auto at = (row * s.t + t) * s.d + first;
    const float* previous = t > 0 ? s.h + at - s.d : s.h_init ? s.h_init + row * s.d + first : nullptr;
    for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto g = hn::Add(hn::LoadU(tag, s.dh + at + i), hn::LoadU(tag, carry + i));
      hn::StoreU(g, tag, s.du + at + i);
      hn::StoreU(previous ? hn::Mul(g, hn::LoadU(tag, previous + i)) : hn::Zero(tag), tag, s.da + at + i);
      hn::StoreU(hn::Mul(hn::LoadU(tag, s.a + at + i), g), tag, carry + i);
    });
  }
  std::copy_n(carry, n, s.dh_init + row * s.d + first);
}

using ComplexScan = LinearScan<std::complex<float>>;
using ComplexScanGrad = LinearScanGrad<std::complex<float>>;

/// Lanes of complex numbers, which lie in memory real part beside imaginary part.
template <class D>
struct Numbers {
  hn::Vec<D> re, im;
};
template <class D>
HWY_INLINE Numbers<D> load(D tag, const std::complex<float>* x) {
  Numbers<D> v{hn::Zero(tag), hn::Zero(tag)};
  hn::LoadInterleaved2(tag, reinterpret_cast<const float*>(x), v.re, v.im);
  return v;
}
template <class D>
HWY_INLINE void store(D tag, const Numbers<D>& v, std::complex<float>* x) {
  hn::StoreInterleaved2(v.re, v.im, tag, reinterpret_cast<float*>(x));
}
/// x * conj(y).
template <class D>
HWY_INLINE Numbers<D> times_conjugate(const Numbers<D>& x, const Numbers<D>& y) {
  return {hn::MulAdd(x.re, y.re, hn::Mul(x.im, y.im)), hn::MulSub(x.im, y.re, hn::Mul(x.re, y.im))};
}

void complex_scan_block(const ComplexScan& s, std::int64_t row, std::int64_t first, std::int64_t n) {
  const std::complex<float>* previous = s.h_init ? s.h_init + row * s.d + first : nullptr;
  for (std::int64_t t = 0; t < s.t; ++t) {
    const auto at = (row * s.t + t) * s.d + first;
    for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
      auto h = load(tag, s.u + at + i);
      if (previous) {
        const auto a = load(tag, s.a + at + i), before = load(tag, previous + i);
        h.re = hn::NegMulAdd(a.im, before.im, hn::MulAdd(a.re, before.re, h.re));
        h.im = hn::MulAdd(a.im, before.re, hn::MulAdd(a.re, before.im, h.im));
      }
      store(tag, h, s.h + at + i);
    });
    previous = s.h + at;
  }
}

void complex_grad_block(const ComplexScanGrad& s, std::int64_t row, std::int64_t first, std::int64_t n) {
  std::complex<float> carry[kScanBlock] = {};  // conj(a[t+1]) * g[t+1]
  for (std::int64_t t = s.t - 1; t >= 0; --t) {
    const auto at = (row * s.t + t) * s.d + first;
    const auto* previous = t > 0 ? s.h + at - s.d : s.h_init ? s.h_init + row * s.d + first : nullptr;
    for_lanes(n, [&](auto tag, std::int64_t i) HWY_ATTR {
      auto g = load(tag, s.dh + at + i), da = g;
      const auto later = load(tag, carry + i);
      g = {hn::Add(g.re, later.re), hn::Add(g.im, later.im)};
      store(tag, g, s.du + at + i);
      if (previous)
        da = times_conjugate(g, load(tag, previous + i));
      else
        da = {hn::Zero(tag), hn::Zero(tag)};
      store(tag, da, s.da + at + i);
      store(tag, times_conjugate(g, load(tag, s.a + at + i)), carry + i);
    });
  }
  std::copy_n(carry, n, s.dh_init + row * s.d + first);
}

template <class Args, class Block>
void for_scan_blocks(const Args& s, Block block) {
  const auto width = s.b * s.d >= 16 * kScanBlock ? kScanBlock : kScanBlock / 4;
  const auto blocks = (s.d + width - 1) / width;
#pragma omp parallel for schedule(static) if (s.t > 1)
  for (std::int64_t item = 0; item < s.b * blocks; ++item) {
    const auto first = item % blocks * width;
    block(s, item / blocks, first, std::min(width, s.d - first));
  }
}

void scan_all(const LinearScan<float>& s) { for_scan_blocks(s, scan_block); }
void scan_grad_all(const LinearScanGrad<float>& s) { for_scan_blocks(s, grad_block); }
void complex_scan_all(const ComplexScan& s) { for_scan_blocks(s, complex_scan_block); }
void complex_scan_grad_all(const ComplexScanGrad& s) { for_scan_blocks(s, complex_grad_block); }

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(scan_all);
HWY_EXPORT(scan_grad_all);
HWY_EXPORT(complex_scan_all);
HWY_EXPORT(complex_scan_grad_all);

void linear_scan(const LinearScan<float>& s) { HWY_DYNAMIC_DISPATCH(scan_all)(s); }
void linear_scan_grad(const LinearScanGrad<float>& s) { HWY_DYNAMIC_DISPATCH(scan_grad_all)(s); }
void linear_scan(const LinearScan<std::complex<float>>& s) { HWY_DYNAMIC_DISPATCH(complex_scan_all)(s); }
void linear_scan_grad(const LinearScanGrad<std::complex<float>>& s) { HWY_DYNAMIC_DISPATCH(complex_scan_grad_all)(s); }

}  // namespace longwave::kernels
#endif
