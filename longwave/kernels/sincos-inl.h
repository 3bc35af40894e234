// Included once per instruction set, after highway.h: no include guard of its own.
#if defined(LONGWAVE_KERNELS_SINCOS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LONGWAVE_KERNELS_SINCOS_INL_H
#undef LONGWAVE_KERNELS_SINCOS_INL_H
#else
#define LONGWAVE_KERNELS_SINCOS_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace longwave::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class V>
struct SinCos {
  V sin, cos;
};

/// Sine and cosine of x quarter turns (x pi / 2), for |x| below 2^22: absolute error below 1e-7 beside that of x.
/// Polynomials through the Chebyshev points of an eighth of a turn, errors 2.4e-8 and 0.9e-8; exactly 0 and 1 at 0.
template <class D, class V = hn::Vec<D>>
HWY_INLINE SinCos<V> sincos_of_quarters(D tag, V x) {
  const hn::RebindToSigned<D> bits;
  const auto shift = hn::Set(tag, 12582912.0f);  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const auto shifted = hn::Add(x, shift);
  const auto quarter = hn::BitCast(bits, shifted);
  const auto f = hn::Sub(x, hn::Sub(shifted, shift)), s = hn::Mul(f, f);
  auto p = hn::MulAdd(s, hn::Set(tag, -0.004602149129f), hn::Set(tag, 0.07968021929f));
  p = hn::MulAdd(p, s, hn::Set(tag, -0.64596349f));
  p = hn::Mul(f, hn::MulAdd(p, s, hn::Set(tag, 1.570796371f)));
  auto q = hn::MulAdd(s, hn::Set(tag, 0.0009067399078f), hn::Set(tag, -0.02086152881f));
  q = hn::MulAdd(q, s, hn::Set(tag, 0.2536694109f));
  q = hn::MulAdd(q, s, hn::Set(tag, -1.233700514f));
  q = hn::MulAdd(q, s, hn::Set(tag, 1.0f));
  const auto one = hn::Set(bits, 1);
  const auto odd = hn::MaskFromVec(hn::BitCast(tag, hn::Neg(hn::And(quarter, one))));
  const auto sign_of_sin = hn::BitCast(tag, hn::ShiftLeft<30>(hn::And(quarter, hn::Set(bits, 2))));
  const auto sign_of_cos = hn::BitCast(tag, hn::ShiftLeft<30>(hn::And(hn::Add(quarter, one), hn::Set(bits, 2))));
  return {hn::Xor(hn::IfThenElse(odd, q, p), sign_of_sin), hn::Xor(hn::IfThenElse(odd, p, q), sign_of_cos)};
}

}  // namespace longwave::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
