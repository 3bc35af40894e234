#include "longwave/kernels/dplr_recurrence.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/dplr_recurrence.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/aligned_allocator.h>
#include <hwy/highway.h>

#include "longwave/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {

using Recurrence = DplrRecurrence<float>;

constexpr std::int64_t kTile = 16;  // channels of a work item: fixed, so that results do not depend on the threads

/// Channels first .. first + kTile of one row. Coefficients and states are copied to [2, n, kTile], where they stay in
/// the first-level cache over all steps; lanes are channels, so that the sums over states need no reduction.
class Tile {
 public:
  Tile(const Recurrence& s, std::int64_t row, std::int64_t first, float* scratch)
      : s_(s), row_(row), first_(first), width_(std::min(kTile, s.d - first)), plane_(s.n * kTile) {
    g_ = scratch, b_ = g_ + 2 * plane_, h_ = b_ + 2 * plane_, p_ = h_ + 2 * plane_, q_ = p_ + 2 * s.r * plane_;
    c_ = q_ + 2 * s.r * plane_, through_ = c_ + 2 * s.m * plane_;
    gather(s.g, g_, 2), gather(s.b, b_, 2), gather(s.before + row * 2 * s.plane(), h_, 2);
    gather(s.p, p_, 2 * s.r), gather(s.q, q_, 2 * s.r), gather(s.c, c_, 2 * s.m);
  }
  static std::int64_t scratch(const Recurrence& s) { return ((6 + 4 * s.r + 2 * s.m) * s.n + s.r) * kTile; }

  void run() {
    for (std::int64_t t = 0; t < s_.length(row_); ++t) step(row_ * s_.t + t);
    for (auto t = s_.length(row_); t < s_.t; ++t)
      for (std::int64_t m = 0; m < s_.m; ++m) std::fill_n(output(row_ * s_.t + t, m), width_, 0.0f);
    float* behind = s_.behind + row_ * 2 * s_.plane();
    for (std::int64_t i = 0; i < 2 * s_.n; ++i) std::copy_n(h_ + i * kTile, width_, behind + i * s_.d + first_);
  }

 private:
  float* output(std::int64_t step, std::int64_t m) const { return s_.y + (step * s_.m + m) * s_.d + first_; }

  void gather(const float* from, float* to, std::int64_t planes) const {
    for (std::int64_t i = 0; i < planes * s_.n; ++i) {
      std::copy_n(from + i * s_.d + first_, width_, to + i * kTile);
      std::fill_n(to + i * kTile + width_, kTile - width_, 0.0f);
    }
  }

  /// 2 Re of the sum over states of x h.
  template <class D>
  HWY_INLINE hn::Vec<D> pair_sum(D tag, const float* x, std::int64_t i) const {
    auto re = hn::Zero(tag), im = hn::Zero(tag);
    for (std::int64_t j = i; j < plane_; j += kTile) {
      re = hn::MulAdd(hn::LoadU(tag, x + j), hn::LoadU(tag, h_ + j), re);
      im = hn::MulAdd(hn::LoadU(tag, x + plane_ + j), hn::LoadU(tag, h_ + plane_ + j), im);
    }
    return twice_difference(re, im);
  }
  template <class V>
  HWY_INLINE static V twice_difference(V re, V im) {
    const auto half = hn::Sub(re, im);
    return hn::Add(half, half);
  }

  /// What a step adds to a state is summed up by itself: next to a large state its digits would go one by one.
  void step(std::int64_t at) const {
    for_lanes(width_, [&](auto tag, std::int64_t i) HWY_ATTR {
      const auto x = hn::LoadU(tag, s_.x + at * s_.d + first_ + i);
      for (std::int64_t r = 0; r < s_.r; ++r)
        hn::StoreU(pair_sum(tag, q_ + 2 * r * plane_, i), tag, through_ + r * kTile + i);
      auto y_re = hn::Zero(tag), y_im = hn::Zero(tag);  // of the first output
      for (std::int64_t j = i; j < plane_; j += kTile) {
        const auto g_re = hn::LoadU(tag, g_ + j), g_im = hn::LoadU(tag, g_ + plane_ + j);
        const auto h_re = hn::LoadU(tag, h_ + j), h_im = hn::LoadU(tag, h_ + plane_ + j);
        auto re = hn::MulAdd(g_re, h_re, hn::Mul(hn::LoadU(tag, b_ + j), x));
        auto im = hn::MulAdd(g_re, h_im, hn::Mul(hn::LoadU(tag, b_ + plane_ + j), x));
        re = hn::NegMulAdd(g_im, h_im, re), im = hn::MulAdd(g_im, h_re, im);
        for (std::int64_t r = 0; r < s_.r; ++r) {
          const auto through = hn::LoadU(tag, through_ + r * kTile + i);
          const float* p = p_ + 2 * r * plane_ + j;
          re = hn::NegMulAdd(hn::LoadU(tag, p), through, re);
          im = hn::NegMulAdd(hn::LoadU(tag, p + plane_), through, im);
        }
        re = hn::Add(h_re, re), im = hn::Add(h_im, im);
        y_re = hn::MulAdd(hn::LoadU(tag, c_ + j), re, y_re);
        y_im = hn::MulAdd(hn::LoadU(tag, c_ + plane_ + j), im, y_im);
        hn::StoreU(re, tag, h_ + j), hn::StoreU(im, tag, h_ + plane_ + j);
      }
      hn::StoreU(twice_difference(y_re, y_im), tag, output(at, 0) + i);
      for (std::int64_t m = 1; m < s_.m; ++m) hn::StoreU(pair_sum(tag, c_ + 2 * m * plane_, i), tag, output(at, m) + i);
    });
  }

  const Recurrence& s_;
  std::int64_t row_, first_, width_, plane_;
  float *g_, *b_, *h_, *p_, *q_, *c_, *through_;
};

void dplr_recurrence_all(const Recurrence& s) {
  const auto tiles = (s.d + kTile - 1) / kTile;
#pragma omp parallel if (s.t > 1)
  {
    const auto scratch = hwy::AllocateAligned<float>(static_cast<std::size_t>(Tile::scratch(s)));
#pragma omp for schedule(static)
    for (std::int64_t item = 0; item < s.rows * tiles; ++item)
      Tile(s, item / tiles, item % tiles * kTile, scratch.get()).run();
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(dplr_recurrence_all);

void dplr_recurrence(const DplrRecurrence<float>& s) { HWY_DYNAMIC_DISPATCH(dplr_recurrence_all)(s); }

}  // namespace longwave::kernels
#endif
