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

/// Complex numbers [.., n] of the channels of a tile, as two planes; or the same ones for every channel.
struct Numbers {
  const float* data;
  std::int64_t stride, plane;  // from state to state, from real to imaginary parts
  bool shared = false;

  template <class D>
  HWY_INLINE hn::Vec<D> load(D tag, std::int64_t i, std::int64_t offset) const {
    return shared ? hn::Set(tag, data[offset]) : hn::LoadU(tag, data + offset + i);
  }
};

/// Channels first .. first + kTile of one row; lanes are channels, so that the sums over states need no reduction. For
/// many steps coefficients and states are copied to [2, n, kTile], where they stay in the first-level cache; a single
/// one takes them from where they are.
class Tile {
 public:
  Tile(const Recurrence& s, std::int64_t row, std::int64_t first, float* scratch)
      : s_(s), row_(row), first_(first), width_(std::min(kTile, s.d - first)), through_(scratch) {
    scratch += s.r * kTile;
    const auto place = [&](const float* from, std::int64_t pairs, bool shared = false) {
      const auto stride = shared ? 1 : s_.d;
      const Numbers there{from + (shared ? 0 : first_), stride, s_.n * stride, shared};
      if (s_.t == 1) return there;
      const Numbers here{scratch, kTile, s_.n * kTile};
      for (std::int64_t i = 0; i < 2 * pairs * s_.n; ++i, scratch += kTile) {
        std::fill_n(scratch, kTile, shared ? there.data[i] : 0.0f);
        if (!shared) std::copy_n(there.data + i * stride, width_, scratch);
      }
      return here;
    };
    g_ = place(s.g, 1, s.g_shared), b_ = place(s.b, 1, s.b_shared), p_ = place(s.p, s.r), q_ = place(s.q, s.r);
    c_ = place(s.c, s.m), behind_ = s.behind + row * 2 * s.plane() + first;
    next_ = s.t == 1 ? behind_ : scratch;
    h_ = place(s.before + row * 2 * s.plane(), 1);
  }
  static std::int64_t scratch(const Recurrence& s) {
    return (s.r + (s.t == 1 ? 1 : (6 + 4 * s.r + 2 * s.m) * s.n)) * kTile;
  }

  void run() const {
    for (std::int64_t t = 0; t < s_.length(row_); ++t) step(row_ * s_.t + t);
    for (auto t = s_.length(row_); t < s_.t; ++t)
      for (std::int64_t m = 0; m < s_.m; ++m) std::fill_n(output(row_ * s_.t + t, m), width_, 0.0f);
    if (s_.t == 1 && s_.length(row_) == 1) return;
    for (std::int64_t i = 0; i < 2 * s_.n; ++i) std::copy_n(h_.data + i * h_.stride, width_, behind_ + i * s_.d);
  }

 private:
  float* output(std::int64_t step, std::int64_t m) const { return s_.y + (step * s_.m + m) * s_.d + first_; }

  /// 2 Re of the sum over states of x h, where x begins at its pair of planes.
  template <class D>
  HWY_INLINE hn::Vec<D> pair_sum(D tag, const Numbers& x, std::int64_t pair, const float* h, std::int64_t i) const {
    auto re = hn::Zero(tag), im = hn::Zero(tag);
    const float *from = x.data + 2 * pair * x.plane + i, *with = h + i;
    for (std::int64_t j = 0; j < x.plane; j += x.stride) {
      re = hn::MulAdd(hn::LoadU(tag, from + j), hn::LoadU(tag, with + j), re);
      im = hn::MulAdd(hn::LoadU(tag, from + x.plane + j), hn::LoadU(tag, with + x.plane + j), im);
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
        hn::StoreU(pair_sum(tag, q_, r, h_.data, i), tag, through_ + r * kTile + i);
      auto y_re = hn::Zero(tag), y_im = hn::Zero(tag);  // of the first output
      for (std::int64_t n = 0; n < s_.n; ++n) {
        const auto j = n * h_.stride + i;
        const auto g_re = g_.load(tag, i, n * g_.stride), g_im = g_.load(tag, i, n * g_.stride + g_.plane);
        const auto h_re = hn::LoadU(tag, h_.data + j), h_im = hn::LoadU(tag, h_.data + h_.plane + j);
        auto re = hn::MulAdd(g_re, h_re, hn::Mul(b_.load(tag, i, n * b_.stride), x));
        auto im = hn::MulAdd(g_re, h_im, hn::Mul(b_.load(tag, i, n * b_.stride + b_.plane), x));
        re = hn::NegMulAdd(g_im, h_im, re), im = hn::MulAdd(g_im, h_re, im);
        for (std::int64_t r = 0; r < s_.r; ++r) {
          const auto through = hn::LoadU(tag, through_ + r * kTile + i);
          const float* p = p_.data + 2 * r * p_.plane + j;
          re = hn::NegMulAdd(hn::LoadU(tag, p), through, re);
          im = hn::NegMulAdd(hn::LoadU(tag, p + p_.plane), through, im);
        }
        re = hn::Add(h_re, re), im = hn::Add(h_im, im);
        y_re = hn::MulAdd(hn::LoadU(tag, c_.data + j), re, y_re);
        y_im = hn::MulAdd(hn::LoadU(tag, c_.data + c_.plane + j), im, y_im);
        hn::StoreU(re, tag, next_ + j), hn::StoreU(im, tag, next_ + h_.plane + j);
      }
      hn::StoreU(twice_difference(y_re, y_im), tag, output(at, 0) + i);
      for (std::int64_t m = 1; m < s_.m; ++m) hn::StoreU(pair_sum(tag, c_, m, next_, i), tag, output(at, m) + i);
    });
  }

  const Recurrence& s_;
  std::int64_t row_, first_, width_;
  float *through_, *next_ = nullptr, *behind_ = nullptr;  // next_: the states that a step makes, laid out as h_
  Numbers g_, b_, p_, q_, c_, h_;
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
