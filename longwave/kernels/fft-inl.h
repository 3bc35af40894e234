// Transforms of many complex sequences at once, one in each lane. Included once per instruction set, after highway.h.
#if defined(LONGWAVE_KERNELS_FFT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_FFT_INL_H
#undef LONGWAVE_KERNELS_FFT_INL_H
#else
#define LONGWAVE_KERNELS_FFT_INL_H
#endif

#include <hwy/highway.h>

#include "longwave/kernels/fft_convolution.h"

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using LaneTag = hn::CappedTag<float, 16>;
using Lanes = hn::Vec<LaneTag>;

constexpr std::int64_t kLanes = static_cast<std::int64_t>(hn::MaxLanes(LaneTag()));
constexpr std::int64_t kNumber = 2 * kLanes;  // floats of one complex number of every lane

// --- Transforms of a few numbers, in registers: x[k] <- sum of x[j] exp(-2 pi i j k / r). With re and im exchanged,
// the inverse without its factor.

HWY_INLINE void dft2(Lanes* re, Lanes* im) {
  const auto r = hn::Sub(re[0], re[1]), i = hn::Sub(im[0], im[1]);
  re[0] = hn::Add(re[0], re[1]), im[0] = hn::Add(im[0], im[1]);
  re[1] = r, im[1] = i;
}

HWY_INLINE void dft3(Lanes* re, Lanes* im) {
  const LaneTag d;
  const auto half = hn::Set(d, 0.5f), sine = hn::Set(d, 0.8660254037844386f);
  const auto sr = hn::Add(re[1], re[2]), si = hn::Add(im[1], im[2]);
  const auto dr = hn::Mul(sine, hn::Sub(re[1], re[2])), di = hn::Mul(sine, hn::Sub(im[1], im[2]));
  const auto mr = hn::NegMulAdd(half, sr, re[0]), mi = hn::NegMulAdd(half, si, im[0]);
  re[0] = hn::Add(re[0], sr), im[0] = hn::Add(im[0], si);
  re[1] = hn::Add(mr, di), im[1] = hn::Sub(mi, dr);
  re[2] = hn::Sub(mr, di), im[2] = hn::Add(mi, dr);
}

/// Of the numbers at i0 .. i3; results in the order 0, 1, 2, 3.
template <int i0, int i1, int i2, int i3>
HWY_INLINE void dft4_at(Lanes* re, Lanes* im) {
  const auto ar = hn::Add(re[i0], re[i2]), ai = hn::Add(im[i0], im[i2]);
  const auto br = hn::Sub(re[i0], re[i2]), bi = hn::Sub(im[i0], im[i2]);
  const auto cr = hn::Add(re[i1], re[i3]), ci = hn::Add(im[i1], im[i3]);
  const auto dr = hn::Sub(re[i1], re[i3]), di = hn::Sub(im[i1], im[i3]);
  re[i0] = hn::Add(ar, cr), im[i0] = hn::Add(ai, ci);
  re[i1] = hn::Add(br, di), im[i1] = hn::Sub(bi, dr);
  re[i2] = hn::Sub(ar, cr), im[i2] = hn::Sub(ai, ci);
  re[i3] = hn::Sub(br, di), im[i3] = hn::Add(bi, dr);
}

HWY_INLINE void dft8(Lanes* re, Lanes* im) {
  const LaneTag d;
  for (int k = 0; k < 4; ++k) {
    const auto r = hn::Sub(re[k], re[k + 4]), i = hn::Sub(im[k], im[k + 4]);
    re[k] = hn::Add(re[k], re[k + 4]), im[k] = hn::Add(im[k], im[k + 4]);
    re[k + 4] = r, im[k + 4] = i;
  }
  const auto root = hn::Set(d, 0.7071067811865476f);
  const auto r5 = hn::Mul(root, hn::Add(re[5], im[5])), i5 = hn::Mul(root, hn::Sub(im[5], re[5]));
  const auto r7 = hn::Mul(root, hn::Sub(im[7], re[7])), i7 = hn::Neg(hn::Mul(root, hn::Add(re[7], im[7])));
  const auto r6 = im[6], i6 = hn::Neg(re[6]);
  re[5] = r5, im[5] = i5, re[6] = r6, im[6] = i6, re[7] = r7, im[7] = i7;
  dft4_at<0, 1, 2, 3>(re, im);  // results 0, 2, 4, 6
  dft4_at<4, 5, 6, 7>(re, im);  // results 1, 3, 5, 7
  const Lanes er[4] = {re[0], re[1], re[2], re[3]}, ei[4] = {im[0], im[1], im[2], im[3]};
  const Lanes odd_r[4] = {re[4], re[5], re[6], re[7]}, odd_i[4] = {im[4], im[5], im[6], im[7]};
  for (int k = 0; k < 4; ++k) {
    re[2 * k] = er[k], im[2 * k] = ei[k];
    re[2 * k + 1] = odd_r[k], im[2 * k + 1] = odd_i[k];
  }
}

template <int kRadix>
HWY_INLINE void dft(Lanes* re, Lanes* im) {
  if constexpr (kRadix == 2) dft2(re, im);
  if constexpr (kRadix == 3) dft3(re, im);
  if constexpr (kRadix == 4) dft4_at<0, 1, 2, 3>(re, im);
  if constexpr (kRadix == 8) dft8(re, im);
}

/// x *= w.
HWY_INLINE void rotate(Lanes& re, Lanes& im, const float* w) {
  const LaneTag d;
  const auto wr = hn::Set(d, w[0]), wi = hn::Set(d, w[1]);
  const auto r = hn::NegMulAdd(im, wi, hn::Mul(re, wr));
  im = hn::MulAdd(im, wr, hn::Mul(re, wi));
  re = r;
}

/// x *= conj(w).
HWY_INLINE void rotate_back(Lanes& re, Lanes& im, const float* w) {
  const LaneTag d;
  const auto wr = hn::Set(d, w[0]), wi = hn::Set(d, w[1]);
  const auto r = hn::MulAdd(im, wi, hn::Mul(re, wr));
  im = hn::NegMulAdd(re, wi, hn::Mul(im, wr));
  re = r;
}

// --- Passes over a block of m numbers

/// Where numbers lie that are transformed in place.
struct InPlace {
  float* x;
  HWY_INLINE void load(std::int64_t j, Lanes& re, Lanes& im) const {
    const LaneTag d;
    re = hn::Load(d, x + j * kNumber), im = hn::Load(d, x + j * kNumber + kLanes);
  }
  HWY_INLINE void store(std::int64_t j, Lanes re, Lanes im) const {
    const LaneTag d;
    hn::Store(re, d, x + j * kNumber), hn::Store(im, d, x + j * kNumber + kLanes);
  }
};

/// One pass of the transform, decimation in frequency: `from` -> `to`.
template <int kRadix, class From, class To>
HWY_INLINE void forward_pass(const From& from, const To& to, std::int64_t m, const float* twiddles) {
  const auto step = m / kRadix;
  for (std::int64_t q = 0; q < step; ++q, twiddles += 2 * (kRadix - 1)) {
    Lanes re[kRadix], im[kRadix];
    for (int p = 0; p < kRadix; ++p) from.load(q + p * step, re[p], im[p]);
    dft<kRadix>(re, im);
    for (int s = 1; s < kRadix; ++s) rotate(re[s], im[s], twiddles + 2 * (s - 1));
    for (int s = 0; s < kRadix; ++s) to.store(q + s * step, re[s], im[s]);
  }
}

/// Undoes forward_pass up to the factor kRadix.
template <int kRadix, class From, class To>
HWY_INLINE void inverse_pass(const From& from, const To& to, std::int64_t m, const float* twiddles) {
  const auto step = m / kRadix;
  for (std::int64_t q = 0; q < step; ++q, twiddles += 2 * (kRadix - 1)) {
    Lanes re[kRadix], im[kRadix];
    for (int s = 0; s < kRadix; ++s) from.load(q + s * step, re[s], im[s]);
    for (int s = 1; s < kRadix; ++s) rotate_back(re[s], im[s], twiddles + 2 * (s - 1));
    dft<kRadix>(im, re);
    for (int p = 0; p < kRadix; ++p) to.store(q + p * step, re[p], im[p]);
  }
}

template <class From, class To>
HWY_NOINLINE void forward_pass(std::int64_t radix, const From& from, const To& to, std::int64_t m,
                               const float* twiddles) {
  if (radix == 8) return forward_pass<8>(from, to, m, twiddles);
  if (radix == 4) return forward_pass<4>(from, to, m, twiddles);
  if (radix == 3) return forward_pass<3>(from, to, m, twiddles);
  forward_pass<2>(from, to, m, twiddles);
}

template <class From, class To>
HWY_NOINLINE void inverse_pass(std::int64_t radix, const From& from, const To& to, std::int64_t m,
                               const float* twiddles) {
  if (radix == 8) return inverse_pass<8>(from, to, m, twiddles);
  if (radix == 4) return inverse_pass<4>(from, to, m, twiddles);
  if (radix == 3) return inverse_pass<3>(from, to, m, twiddles);
  inverse_pass<2>(from, to, m, twiddles);
}

/// A pass over a whole level of a block that fits the cache: `count` numbers in parts of m.
HWY_INLINE void forward_level(std::int64_t radix, float* x, std::int64_t count, std::int64_t m, const float* twiddles) {
  for (std::int64_t first = 0; first < count; first += m) {
    const InPlace part{x + first * kNumber};
    forward_pass(radix, part, part, m, twiddles);
  }
}
HWY_INLINE void inverse_level(std::int64_t radix, float* x, std::int64_t count, std::int64_t m, const float* twiddles) {
  for (std::int64_t first = 0; first < count; first += m) {
    const InPlace part{x + first * kNumber};
    inverse_pass(radix, part, part, m, twiddles);
  }
}

/// Blocks of at most so many numbers are transformed level by level, larger ones part by part: 64 KiB.
constexpr std::int64_t kBlock = 65536 / (4 * kNumber);

/// Everything between the first and the last pass: transforms the m numbers from `at` on of x (and of x2, if given),
/// lets `combine(at, m)` work on their spectra, and transforms x back if `kBack`.
template <bool kBack, class Combine>
void transform_parts(const FftPlan& plan, std::size_t level, float* x, float* x2, std::int64_t at, std::int64_t m,
                     const Combine& combine) {
  const auto levels = plan.radices.size();
  if (m > kBlock && level < levels) {
    const auto radix = plan.radices[level];
    const auto* twiddles = plan.twiddles[level].data();
    const InPlace whole{x + at * kNumber};
    forward_pass(radix, whole, whole, m, twiddles);
    if (x2) forward_pass(radix, InPlace{x2 + at * kNumber}, InPlace{x2 + at * kNumber}, m, twiddles);
    for (std::int64_t s = 0; s < radix; ++s)
      transform_parts<kBack>(plan, level + 1, x, x2, at + s * (m / radix), m / radix, combine);
    if (kBack) inverse_pass(radix, whole, whole, m, twiddles);
    return;
  }
  auto part = m;
  for (auto i = level; i < levels; ++i) {
    forward_level(plan.radices[i], x + at * kNumber, m, part, plan.twiddles[i].data());
    if (x2) forward_level(plan.radices[i], x2 + at * kNumber, m, part, plan.twiddles[i].data());
    part /= plan.radices[i];
  }
  combine(at, m);
  if (!kBack) return;
  for (auto i = levels; i > level; --i) {
    part *= plan.radices[i - 1];
    inverse_level(plan.radices[i - 1], x + at * kNumber, m, part, plan.twiddles[i - 1].data());
  }
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
