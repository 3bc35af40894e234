// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_EXP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_EXP_INL_H
#undef LONGWAVE_KERNELS_EXP_INL_H
#else
#define LONGWAVE_KERNELS_EXP_INL_H
#endif

#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kLog2E = 1.44269504f;

/// 2^f for |f| <= 1/2, exactly 1 at 0: the polynomial of degree 5 with the smallest relative error (9.2e-8).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp2_fraction(D tag, V f) {
  auto p = hn::MulAdd(f, hn::Set(tag, 0.001326472736f), hn::Set(tag, 0.009671512967f));
  p = hn::MulAdd(p, f, hn::Set(tag, 0.05550733746f));
  p = hn::MulAdd(p, f, hn::Set(tag, 0.2402224208f));
  p = hn::MulAdd(p, f, hn::Set(tag, 0.6931469776f));
  return hn::MulAdd(p, f, hn::Set(tag, 1.0f));
}

/// 2^x, relative error below 2e-7, exactly 1 at 0. Below -126 the smallest normal number or less, above 127 at least
/// the largest power of two.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp2(D tag, V x) {
#if HWY_TARGET <= HWY_AVX3 && HWY_ARCH_X86
  if constexpr (sizeof(V) == 64) {
    const __m512 whole = _mm512_roundscale_ps(x.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    return V{_mm512_scalef_ps(exp2_fraction(tag, hn::Sub(x, V{whole})).raw, whole)};
  }
#endif
  // x last: a NaN comes out as one.
  const auto inside = hn::Min(hn::Set(tag, 127.0f), hn::Max(hn::Set(tag, -126.0f), x));
  const auto shift = hn::Set(tag, 12582912.0f);  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const auto shifted = hn::Add(inside, shift);
  const auto whole = hn::Sub(shifted, shift);
  const hn::RebindToSigned<D> bits;
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(bits, shifted));
  return hn::BitCast(tag, hn::Add(hn::BitCast(bits, exp2_fraction(tag, hn::Sub(inside, whole))), exponent));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V fast_exp(D tag, V x) {
  return exp2(tag, hn::Mul(x, hn::Set(tag, kLog2E)));
}

/// 1 / x for finite x >= 1, to the last bit or two: a division takes as long as eight products.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V reciprocal(D tag, V x) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX2
  auto y = hn::ApproximateReciprocal(x);  // 12 bits or 14
  return hn::Mul(y, hn::NegMulAdd(x, y, hn::Set(tag, 2.0f)));
#else
  return hn::Div(hn::Set(tag, 1.0f), x);
#endif
}

/// 1 / (1 + e^-x).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D tag, V x) {
  const auto exponent = hn::Min(hn::Set(tag, 126.0f), hn::Mul(x, hn::Set(tag, -kLog2E)));  // in this order keeps NaN
  return reciprocal(tag, hn::Add(hn::Set(tag, 1.0f), exp2(tag, exponent)));
}

/// log(1 + w) for 0 <= w <= 1, as 2 atanh(w / (2 + w)): the polynomial of degree 4 in the square with the smallest
/// relative error (4e-9).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V log1p_of_fraction(D tag, V w) {
  const auto y = hn::Div(w, hn::Add(w, hn::Set(tag, 2.0f))), s = hn::Mul(y, y);
  auto p = hn::MulAdd(s, hn::Set(tag, 0.1408916678f), hn::Set(tag, 0.1398030214f));
  p = hn::MulAdd(p, s, hn::Set(tag, 0.2001245503f));
  p = hn::MulAdd(p, s, hn::Set(tag, 0.3333315735f));
  p = hn::MulAdd(p, s, hn::Set(tag, 1.0f));
  return hn::Mul(hn::Add(y, y), p);
}

/// log(1 + e^x), with small relative error also where that is close to 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V softplus(D tag, V x) {
  const auto tail = log1p_of_fraction(tag, fast_exp(tag, hn::Neg(hn::Abs(x))));
  return hn::Add(hn::Max(x, hn::Zero(tag)), tail);
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
