#include "longwave/kernels/cauchy.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "longwave/kernels/cauchy.cpp"
#include <hwy/foreach_target.h>  // recompiles this file for each instruction set

#include <hwy/highway.h>

#include <algorithm>
#include <vector>

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Nodes z = i s on the imaginary axis: with v = a + i b and w = c + i d,
///   v / (z - w) + conj = 2 [i s a - (a c + b d)] / ((c^2 + (d - s)(d + s)) - 2 i s c),
/// so real arithmetic and one division for all values v of a pole. |w|^2 - s^2 is written as a product, which keeps its
/// digits near a resonance.
template <class T>
struct Nodes {
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  V s, two_s;
  HWY_INLINE explicit Nodes(V imaginary) : s(imaginary), two_s(hn::Add(imaginary, imaginary)) {}

  /// 1 / denominator.
  HWY_INLINE void inverse(T c, T d, V& re, V& im) const {
    const D tag;
    const auto real = hn::MulAdd(hn::Sub(hn::Set(tag, d), s), hn::Add(hn::Set(tag, d), s), hn::Set(tag, c * c));
    const auto imag = hn::Mul(two_s, hn::Set(tag, c));  // of the conjugate
    const auto scale = hn::Div(hn::Set(tag, T(1)), hn::MulAdd(real, real, hn::Mul(imag, imag)));
    re = hn::Mul(real, scale), im = hn::Mul(imag, scale);
  }
};

/// Imaginary parts of nodes l .. l + lanes - 1; those beyond the last repeat it.
template <class T>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> load_nodes(const T* z, std::int64_t l, std::int64_t count) {
  const hn::ScalableTag<T> tag;
  HWY_ALIGN T lanes[HWY_MAX_BYTES / sizeof(T)];
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(hn::Lanes(tag)); ++i)
    lanes[i] = z[2 * (l + std::min(i, count - 1)) + 1];
  return hn::Load(tag, lanes);
}

template <class T, int kValues>
void sums_of(const Cauchy<T>& p, std::int64_t m, std::int64_t h) {
  const hn::ScalableTag<T> tag;
  using V = hn::Vec<decltype(tag)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const T* w = p.w + 2 * h * p.n;
  for (std::int64_t l = 0; l < p.l; l += lanes) {
    const auto count = std::min(lanes, p.l - l);
    const Nodes<T> nodes(load_nodes(p.z, l, count));
    V re[kValues], im[kValues];
    for (int i = 0; i < kValues; ++i) re[i] = im[i] = hn::Zero(tag);
    for (std::int64_t n = 0; n < p.n; ++n) {
      V qr, qi;
      nodes.inverse(w[2 * n], w[2 * n + 1], qr, qi);
      const auto sr = hn::Mul(nodes.two_s, qr), si = hn::Mul(nodes.two_s, qi);
      for (int i = 0; i < kValues; ++i) {
        const T* v = p.v + 2 * (((m + i) * p.h + h) * p.n + n);
        const auto a = hn::Set(tag, v[0]), e = hn::Set(tag, -2 * (v[0] * w[2 * n] + v[1] * w[2 * n + 1]));
        re[i] = hn::MulAdd(e, qr, hn::NegMulAdd(a, si, re[i]));  // (e + i 2 s a) (qr + i qi)
        im[i] = hn::MulAdd(e, qi, hn::MulAdd(a, sr, im[i]));
      }
    }
    HWY_ALIGN T both[2][HWY_MAX_BYTES / sizeof(T)];
    for (int i = 0; i < kValues; ++i) {
      hn::Store(re[i], tag, both[0]), hn::Store(im[i], tag, both[1]);
      T* r = p.r + 2 * (((m + i) * p.h + h) * p.l + l);
      for (std::int64_t j = 0; j < count; ++j) r[2 * j] = both[0][j], r[2 * j + 1] = both[1][j];
    }
  }
}

template <class T>
void cauchy_all(const Cauchy<T>& p) {
#pragma omp parallel for schedule(dynamic, 1)
  for (std::int64_t h = 0; h < p.h; ++h) {
    std::int64_t m = 0;
    for (; m + 4 <= p.m; m += 4) sums_of<T, 4>(p, m, h);
    for (; m < p.m; ++m) sums_of<T, 1>(p, m, h);
  }
}

/// With q = 1 / denominator and e = -2 (a c + b d), r = (e + 2 i s a) q. For g = dL/dr, with G = conj(g) q:
///   dL/de = Re G, dL/da (direct) = Re(2 i s G) = -2 s Im G,
///   dq = -q^2 d(denominator):  dL/d(denominator) = X with X = -conj(g) (e + 2 i s a) q^2,
///   dL/dc = 2 c Re X + Re(-2 i s X) = 2 c Re X + 2 s Im X,  dL/dd = 2 d Re X.
/// Of kValues values v of pole n, from m on, which share q; the pole's own gradient is added to `pole`.
template <class T, int kValues>
void gradient_of_values(const CauchyGrad<T>& p, std::int64_t m, std::int64_t h, std::int64_t n, std::int64_t vectors,
                        const T* s, const T* pairs, T* pole) {
  const hn::ScalableTag<T> tag;
  using V = hn::Vec<decltype(tag)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const auto sum_of = [&](V x) HWY_ATTR { return hn::GetLane(hn::SumOfLanes(tag, x)); };
  const T c = p.w[2 * (h * p.n + n)], d = p.w[2 * (h * p.n + n) + 1];
  T a[kValues], b[kValues], e[kValues];
  V by_e[kValues], by_a[kValues], by_c = hn::Zero(tag), by_real = hn::Zero(tag);
  for (int i = 0; i < kValues; ++i) {
    const T* v = p.v + 2 * (((m + i) * p.h + h) * p.n + n);
    a[i] = v[0], b[i] = v[1], e[i] = -2 * (a[i] * c + b[i] * d);
    by_e[i] = by_a[i] = hn::Zero(tag);
  }
  for (std::int64_t k = 0; k < vectors; ++k) {
    const Nodes<T> nodes(hn::LoadU(tag, s + k * lanes));
    V qr, qi;
    nodes.inverse(c, d, qr, qi);
    for (int i = 0; i < kValues; ++i) {
      const auto* g = pairs + ((m + i) * vectors + k) * 2 * lanes;
      const auto gr = hn::LoadU(tag, g), gi = hn::LoadU(tag, g + lanes);
      const auto re = hn::MulAdd(gr, qr, hn::Mul(gi, qi)), im = hn::NegMulAdd(gi, qr, hn::Mul(gr, qi));  // conj(g) q
      by_e[i] = hn::Add(by_e[i], re);
      by_a[i] = hn::NegMulAdd(nodes.two_s, im, by_a[i]);
      const auto nr = hn::Set(tag, e[i]), ni = hn::Mul(nodes.two_s, hn::Set(tag, a[i]));
      const auto fr = hn::NegMulAdd(ni, qi, hn::Mul(nr, qr)), fi = hn::MulAdd(ni, qr, hn::Mul(nr, qi));
      by_real = hn::Add(by_real, hn::NegMulAdd(re, fr, hn::Mul(im, fi)));            // Re X
      by_c = hn::NegMulAdd(nodes.two_s, hn::MulAdd(re, fi, hn::Mul(im, fr)), by_c);  // 2 s Im X
    }
  }
  const T real = sum_of(by_real);
  pole[0] += 2 * c * real + sum_of(by_c), pole[1] += 2 * d * real;
  for (int i = 0; i < kValues; ++i) {
    const auto at = 2 * (((m + i) * p.h + h) * p.n + n);
    const T sum = sum_of(by_e[i]);
    p.dv[at] = sum_of(by_a[i]) - 2 * c * sum;
    p.dv[at + 1] = -2 * d * sum;
    pole[0] -= 2 * a[i] * sum, pole[1] -= 2 * b[i] * sum;
  }
}

template <class T>
void gradient_of(const CauchyGrad<T>& p, std::int64_t h, const T* s, T* pairs) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const auto vectors = (p.l + lanes - 1) / lanes;
  // g with real and imaginary parts apart, zero beyond the last node: [m, vectors, 2, lanes].
  for (std::int64_t m = 0; m < p.m; ++m)
    for (std::int64_t l = 0; l < vectors * lanes; ++l)
      for (int part = 0; part < 2; ++part)
        pairs[((m * vectors + l / lanes) * 2 + part) * lanes + l % lanes] =
            l < p.l ? p.dr[2 * ((m * p.h + h) * p.l + l) + part] : T(0);
  for (std::int64_t n = 0; n < p.n; ++n) {
    T pole[2] = {};
    std::int64_t m = 0;
    for (; m + 4 <= p.m; m += 4) gradient_of_values<T, 4>(p, m, h, n, vectors, s, pairs, pole);
    for (; m < p.m; ++m) gradient_of_values<T, 1>(p, m, h, n, vectors, s, pairs, pole);
    p.dw[2 * (h * p.n + n)] = pole[0];
    p.dw[2 * (h * p.n + n) + 1] = pole[1];
  }
}

template <class T>
void cauchy_grad_all(const CauchyGrad<T>& p) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  const auto nodes = (p.l + lanes - 1) / lanes * lanes;
#pragma omp parallel
  {
    std::vector<T> s(static_cast<std::size_t>(nodes)), pairs(static_cast<std::size_t>(2 * p.m * nodes));
    for (std::int64_t l = 0; l < nodes; ++l) s[static_cast<std::size_t>(l)] = p.z[2 * std::min(l, p.l - 1) + 1];
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t h = 0; h < p.h; ++h) gradient_of(p, h, s.data(), pairs.data());
  }
}

void cauchy_float(const Cauchy<float>& p) { cauchy_all(p); }
void cauchy_grad_float(const CauchyGrad<float>& p) { cauchy_grad_all(p); }
void cauchy_grad_double(const CauchyGrad<double>& p) { cauchy_grad_all(p); }
void cauchy_double(const Cauchy<double>& p) { cauchy_all(p); }

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace longwave::kernels {

HWY_EXPORT(cauchy_float);
HWY_EXPORT(cauchy_double);
HWY_EXPORT(cauchy_grad_float);
HWY_EXPORT(cauchy_grad_double);

void cauchy_imaginary(const Cauchy<float>& p) { HWY_DYNAMIC_DISPATCH(cauchy_float)(p); }
void cauchy_imaginary(const Cauchy<double>& p) { HWY_DYNAMIC_DISPATCH(cauchy_double)(p); }
void cauchy_grad_imaginary(const CauchyGrad<float>& p) { HWY_DYNAMIC_DISPATCH(cauchy_grad_float)(p); }
void cauchy_grad_imaginary(const CauchyGrad<double>& p) { HWY_DYNAMIC_DISPATCH(cauchy_grad_double)(p); }

}  // namespace longwave::kernels
#endif
