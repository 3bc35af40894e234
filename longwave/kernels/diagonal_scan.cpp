#include "longwave/kernels/diagonal_scan.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/diagonal_scan.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Scan = DiagonalScan<float>;
using ScanGrad = DiagonalScanGrad<float>;

// States of a work item: their previous values stay in L1. Fixed, so that results do not depend on the threads.
constexpr std::int64_t kPoleBlock = 128;

template <class V>
struct Complex {
  V re, im;
};

template <class D, class V = hn::Vec<D>>
HWY_INLINE Complex<V> load(D tag, const float* planes, std::int64_t n) {
  return {hn::LoadU(tag, planes), hn::LoadU(tag, planes + n)};
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void store(D tag, const Complex<V>& x, float* planes, std::int64_t n) {
  hn::StoreU(x.re, tag, planes);
  hn::StoreU(x.im, tag, planes + n);
}

/// x * y + z.
template <class V>
HWY_INLINE Complex<V> multiply_add(const Complex<V>& x, const Complex<V>& y, const Complex<V>& z) {
  return {hn::NegMulAdd(x.im, y.im, hn::MulAdd(x.re, y.re, z.re)),
          hn::MulAdd(x.im, y.re, hn::MulAdd(x.re, y.im, z.im))};
}

/// x * conj(y) + z.
template <class V>
HWY_INLINE Complex<V> multiply_conjugate_add(const Complex<V>& x, const Complex<V>& y, const Complex<V>& z) {
  return {hn::MulAdd(x.im, y.im, hn::MulAdd(x.re, y.re, z.re)),
          hn::MulAdd(x.im, y.re, hn::NegMulAdd(x.re, y.im, z.im))};
}

/// States first .. first + n of one row.
struct Block {
  std::int64_t row, first, n;
};

HWY_INLINE void clear_padding(const Scan& s, const Block& block, float* x) {
  for (auto t = s.length(block.row); t < s.t; ++t)
    for (const std::int64_t plane : {0, 1})
      std::fill_n(x + ((block.row * s.t + t) * 2 + plane) * s.n + block.first, block.n, 0.0f);
}

void scan_block(const Scan& s, const Block& block, float* h, float* h_last) {
  HWY_ALIGN float state[2 * kPoleBlock] = {};
  const auto edge = block.row * 2 * s.n + block.first, length = s.length(block.row);
  if (s.h_init)
    for (const std::int64_t plane : {0, 1})
      std::copy_n(s.h_init + edge + plane * s.n, block.n, state + plane * kPoleBlock);
  for (std::int64_t step = 0; step < length; ++step) {
    const auto at = (block.row * s.t + (s.reverse ? length - 1 - step : step)) * 2 * s.n + block.first;
    for_lanes(block.n, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto pole = load(tag, s.pole + block.first + i, s.n);
      const auto next = multiply_add(pole, load(tag, state + i, kPoleBlock), load(tag, s.u + at + i, s.n));
      store(tag, next, state + i, kPoleBlock);
      store(tag, next, h + at + i, s.n);
    });
  }
  for (const std::int64_t plane : {0, 1}) std::copy_n(state + plane * kPoleBlock, block.n, h_last + edge + plane * s.n);
  clear_padding(s, block, h);
}

void grad_block(const Scan& s, const ScanGrad& g, const Block& block) {
  HWY_ALIGN float carry[2 * kPoleBlock];  // gradient of the state after the step that later steps give
  HWY_ALIGN float dpole[2 * kPoleBlock] = {};
  const auto edge = block.row * 2 * s.n + block.first, length = s.length(block.row);
  for (const std::int64_t plane : {0, 1})
    std::copy_n(g.dh_last + edge + plane * s.n, block.n, carry + plane * kPoleBlock);
  for (auto step = length - 1; step >= 0; --step) {
    const auto at = (block.row * s.t + (s.reverse ? length - 1 - step : step)) * 2 * s.n + block.first;
    const float* previous = step > 0 ? g.h + at + (s.reverse ? 2 : -2) * s.n : s.h_init ? s.h_init + edge : nullptr;
    for_lanes(block.n, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto dh = load(tag, g.dh + at + i, s.n), later = load(tag, carry + i, kPoleBlock);
      const Complex<hn::Vec<decltype(tag)>> gradient{hn::Add(dh.re, later.re), hn::Add(dh.im, later.im)},
          zero{hn::Zero(tag), hn::Zero(tag)};
      store(tag, gradient, g.du + at + i, s.n);
      if (previous) {
        const auto sum = load(tag, dpole + i, kPoleBlock);
        store(tag, multiply_conjugate_add(gradient, load(tag, previous + i, s.n), sum), dpole + i, kPoleBlock);
      }
      const auto pole = load(tag, s.pole + block.first + i, s.n);
      store(tag, multiply_conjugate_add(gradient, pole, zero), carry + i, kPoleBlock);
    });
  }
  for (const std::int64_t plane : {0, 1}) {
    std::copy_n(carry + plane * kPoleBlock, block.n, g.dh_init + edge + plane * s.n);
    std::copy_n(dpole + plane * kPoleBlock, block.n, g.workspace + edge + plane * s.n);
  }
  clear_padding(s, block, g.du);
}

template <class Body>
void for_pole_blocks(const Scan& s, Body body) {
  const auto blocks = (s.n + kPoleBlock - 1) / kPoleBlock;
#pragma omp parallel for schedule(static) if (s.t > 1)
  for (std::int64_t item = 0; item < s.b * blocks; ++item) {
    const auto first = item % blocks * kPoleBlock;
    body(Block{item / blocks, first, std::min(kPoleBlock, s.n - first)});
  }
}

void diagonal_scan_all(const Scan& s, float* h, float* h_last) {
  for_pole_blocks(s, [&](const Block& block) { scan_block(s, block, h, h_last); });
}

void diagonal_scan_grad_all(const Scan& s, const ScanGrad& g) {
  for_pole_blocks(s, [&](const Block& block) { grad_block(s, g, block); });
  std::fill_n(g.dpole, 2 * s.n, 0.0f);
  for (std::int64_t row = 0; row < s.b; ++row) add_scaled(1, g.workspace + row * 2 * s.n, g.dpole, 2 * s.n);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(diagonal_scan_all);
HWY_EXPORT(diagonal_scan_grad_all);

void diagonal_scan(const DiagonalScan<float>& s, float* h, float* h_last) {
  HWY_DYNAMIC_DISPATCH(diagonal_scan_all)(s, h, h_last);
}
void diagonal_scan_grad(const DiagonalScan<float>& s, const DiagonalScanGrad<float>& g) {
  HWY_DYNAMIC_DISPATCH(diagonal_scan_grad_all)(s, g);
}

}  // namespace longwave::kernels
#endif
